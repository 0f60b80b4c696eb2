"""A model behind the server that serves it says what it says in this process."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from leanstage.energy.resident import ResidentWorker
from leanstage.errors import InputError, LeanstageError
from leanstage.evaluate.written import written_answers
from leanstage.serving import endpoint
from leanstage.serving.endpoint import (
    Endpoint,
    ServedGenerator,
    ServedWriter,
    chosen_server,
    load_served,
)
from leanstage.serving.server import KINDS, Server
from leanstage.tasks import open_split, read_labelled, write_split
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from leanstage.variant.generation import load_generator
from leanstage.variant.writing import NEW_TOKENS
from tests.generation_model import sentences, write_prompts

PROMPTS = [text.rsplit(maxsplit=1)[0] for text in sentences(12, seed=9)]


@pytest.fixture(scope="module")
def model(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Variant:
    return adopt(tiny_llama, tmp_path_factory.mktemp("llama") / "variant")


@pytest.fixture(scope="module")
def server(model: Variant) -> Iterator[Server]:
    with Server("transformers", model.path) as server:
        yield server


def test_what_it_writes_is_what_the_model_writes(model: Variant, server: Server) -> None:
    served, inside = ServedGenerator.behind(server), load_generator(model.path)
    limits = [2 + number % 4 for number in range(12)]
    written = served.generate(PROMPTS, limits)
    assert written == inside.generate(PROMPTS, limits)
    assert len(set(written)) > 5
    assert served.lengths(PROMPTS, written) == inside.lengths(PROMPTS, written)


def test_answers_of_fixed_length_are_the_servers_work(server: Server) -> None:
    writer = ServedWriter(server)
    before, own = writer.cpu_seconds(), time.process_time()
    answers = writer.predict(PROMPTS[:4])
    spent, asking = writer.cpu_seconds() - before, time.process_time() - own
    assert answers.tolist() == [[NEW_TOKENS]] * 4
    assert spent > asking, "the client is not what works"
    assert writer.rss_bytes() > 100_000_000


def test_a_request_that_cannot_be_answered(server: Server) -> None:
    stranger = Endpoint(server.url, "another model", server.kind)
    with pytest.raises(LeanstageError, match=r"did not complete: .*another model"):
        stranger.generate(["so"], [3])


class Busy(BaseHTTPRequestHandler):
    """Refuses each prompt once, and then completes it."""

    asked: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused = request in self.asked
        self.asked.append(request)
        body = json.dumps(
            {
                "id": "1",
                "object": "text_completion",
                "created": 1,
                "model": "m",
                "choices": [{"index": 0, "text": request["prompt"] + "!", "finish_reason": "stop"}],
                "usage": {"completion_tokens": 1, "prompt_tokens": 1, "total_tokens": 2},
            }
        ).encode()
        self.send_response(200 if refused else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def test_what_is_refused_for_the_moment_is_asked_again() -> None:
    busy = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=busy.serve_forever, daemon=True).start()
    vllm = Endpoint(f"http://127.0.0.1:{busy.server_port}", "m", KINDS["vllm"])
    try:
        assert vllm.generate(["one", "two"], [5, 6]) == ["one!", "two!"]
        assert len(Busy.asked) == 4
        assert vllm.write(["three"], 7) == [1], "it says what it wrote, not what it was asked for"
        assert Busy.asked[-1]["min_tokens"] == Busy.asked[-1]["max_tokens"] == 7
        assert Busy.asked[-1]["ignore_eos"] is True
    finally:
        busy.shutdown()
        busy.server_close()


def test_a_server_ends_with_the_process_that_started_it(model: Variant) -> None:
    program = (
        "import sys, time; from pathlib import Path; from leanstage.serving.server import Server\n"
        "print(Server('transformers', Path(sys.argv[1])).pid, flush=True); time.sleep(300)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(model.path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    orphan = psutil.Process(int(parent.stdout.readline()))
    assert orphan.is_running()
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    psutil.wait_procs([orphan], timeout=20)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


def test_a_folder_that_no_server_loads(tmp_path: Path) -> None:
    with pytest.raises(LeanstageError, match="transformers serve ended with exit code") as caught:
        Server("transformers", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_server_that_takes_too_long(model: Variant) -> None:
    before = servers()
    with pytest.raises(LeanstageError, match="did not answer in time"):
        Server("transformers", model.path, start_seconds=0.0)
    assert servers() == before


def test_a_server_that_is_not_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert chosen_server() is None
    with pytest.raises(InputError, match="names no server"):
        load_served(tmp_path)
    monkeypatch.setenv(endpoint.ENDPOINT_VARIABLE, "ollama")
    with pytest.raises(InputError, match="no server is called 'ollama'; known are transformers"):
        chosen_server()


def test_an_evaluation_through_the_server_counts_the_same(
    model: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write_prompts(tmp_path / "rows.jsonl", sentences(40, seed=10))
    examples = read_labelled(str(rows), (), split="evaluation")
    write_split(tmp_path / "split", examples, split="evaluation", labels=())
    split = open_split(tmp_path / "split")
    inside = written_answers("model", model, split, 8)
    before = servers()
    monkeypatch.setenv(endpoint.ENDPOINT_VARIABLE, "transformers")
    through = written_answers("model", model, split, 8)
    assert through.texts == inside.texts
    assert through.logprobs.tolist() == inside.logprobs.tolist()
    right = [text == true for text, true in zip(inside.texts, split.completions, strict=True)]
    assert 0.5 < sum(right) / 40 < 1
    assert servers() == before


def test_a_measured_window_counts_the_work_of_the_server(
    model: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = servers()
    monkeypatch.setenv(endpoint.ENDPOINT_VARIABLE, "transformers")
    with ResidentWorker("served") as worker:
        worker.load(model.path, endpoint.SERVED_LOADER)
        (pid,) = servers() - before
        worker.prepare(PROMPTS[:4], 4)
        spent = server_seconds(pid)
        run = worker.run(0.5, 8)
        spent = server_seconds(pid) - spent
        assert run.answers == run.planned >= 8
        assert run.cpu_seconds > spent > run.cpu_seconds / 2
        assert run.peak_rss_bytes > psutil.Process(pid).memory_info().rss
    assert servers() == before, "no server outlives what was measured"


def servers() -> set[int]:
    """Process ids of the servers below this process."""
    found = psutil.Process().children(recursive=True)
    return {process.pid for process in found if "leanstage.serving.child" in process.cmdline()}


def server_seconds(pid: int) -> float:
    return sum(psutil.Process(pid).cpu_times()[:2])
