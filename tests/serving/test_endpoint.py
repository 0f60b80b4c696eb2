"""A model behind the server that serves it says what it says in this process."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from leanstage.energy.resident import ResidentWorker
from leanstage.errors import InputError, LeanstageError
from leanstage.evaluate.written import written_answers
from leanstage.serving.choice import ENDPOINT_VARIABLE, address
from leanstage.serving.completions import Endpoint, ServedGenerator
from leanstage.serving.endpoint import (
    SERVED_LOADER,
    ServedWriter,
    load_served,
    open_generator,
    open_predictor,
)
from leanstage.serving.processes import Processes
from leanstage.serving.server import KINDS, Server
from leanstage.tasks import open_split, read_labelled, write_split
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from leanstage.variant.generation import load_generator
from leanstage.variant.writing import NEW_TOKENS
from tests.generation_model import sentences, write_prompts
from tests.http_stub import Handler, serving

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
    writer = ServedWriter(ServedGenerator.behind(server), server)
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


class Busy(Handler, BaseHTTPRequestHandler):
    """Refuses each prompt once, and then completes it."""

    asked: ClassVar[list[dict[str, Any]]] = []
    served: ClassVar[list[str]] = ["m"]
    usage: ClassVar[dict[str, int] | None] = {
        "completion_tokens": 1,
        "prompt_tokens": 1,
        "total_tokens": 2,
    }

    def do_GET(self) -> None:
        served = [{"id": name, "object": "model"} for name in self.served]
        self.reply(200, json.dumps({"object": "list", "data": served}).encode())

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused = request in self.asked
        self.asked.append(request)
        answer = {
            "id": "1",
            "object": "text_completion",
            "created": 1,
            "model": request["model"],
            "choices": [{"index": 0, "text": request["prompt"] + "!", "finish_reason": "stop"}],
            "usage": self.usage,
        }
        self.reply(200 if refused else 503, json.dumps(answer).encode())


@pytest.fixture
def busy() -> Iterator[str]:
    Busy.asked.clear()
    with serving(Busy) as url:
        yield url


def test_what_is_refused_for_the_moment_is_asked_again(busy: str) -> None:
    vllm = Endpoint(busy, "m", KINDS["vllm"])
    assert vllm.generate(["one", "two"], [5, 6]) == ["one!", "two!"]
    assert len(Busy.asked) == 4
    assert vllm.write(["three"], 7) == [1], "it says what it wrote, not what it was asked for"
    assert Busy.asked[-1]["min_tokens"] == Busy.asked[-1]["max_tokens"] == 7
    assert Busy.asked[-1]["ignore_eos"] is True


def test_the_only_model_need_not_be_named(busy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Endpoint(busy).generate(["four"], [5]) == ["four!"]
    assert Busy.asked[-1]["model"] == "m"
    monkeypatch.setattr(Busy, "served", ["m", "n"])
    with pytest.raises(InputError, match="serves 2 models; name one behind the URL, as in #m"):
        Endpoint(busy)


def test_a_server_that_does_not_say_what_it_wrote_measures_nothing(
    busy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Busy, "usage", None)
    with pytest.raises(LeanstageError, match="does not say how many tokens it wrote"):
        Endpoint(busy, "m", KINDS["vllm"]).write(["six"], 7)


def test_a_server_that_ends_an_answer_when_it_likes_measures_nothing(busy: str) -> None:
    with pytest.raises(InputError, match="writes no answers of a fixed length"):
        Endpoint(busy, "m").write(["five"], 7)


def test_an_evaluation_through_its_url_counts_the_same(
    model: Variant, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write_prompts(tmp_path / "rows.jsonl", sentences(40, seed=10))
    examples = read_labelled(str(rows), (), split="evaluation")
    write_split(tmp_path / "split", examples, split="evaluation", labels=())
    split = open_split(tmp_path / "split")
    inside = written_answers("candidate", model, split, 8)
    monkeypatch.setenv(ENDPOINT_VARIABLE, f"candidate={server.url}/v1#{model.path}")
    through = written_answers("candidate", model, split, 8)
    assert through.texts == inside.texts
    assert through.logprobs.tolist() == inside.logprobs.tolist()
    right = [text == true for text, true in zip(inside.texts, split.completions, strict=True)]
    assert 0.5 < sum(right) / 40 < 1
    with (
        pytest.raises(InputError, match="does not say where the baseline answers"),
        open_generator(model.path, "baseline"),
    ):
        pass


def test_a_server_that_ran_already_is_asked_as_it_wants_to_be(
    model: Variant, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, f"{server.url}#{model.path}")
    served = load_served(model.path)
    assert isinstance(served, ServedWriter)
    assert served.predict(PROMPTS[:2]).tolist() == [[NEW_TOKENS]] * 2
    assert served.read(PROMPTS[:2]).tolist() == [[1]] * 2
    assert isinstance(served._work, Processes)
    assert served._work.pid == server.pid
    served.close()
    assert psutil.Process(server.pid).is_running()


def test_a_model_behind_the_wrong_protocol(
    model: Variant, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="over which classifiers are asked"):
        ServedGenerator.at(model.path, address("http://h/v2/models/m"))
    monkeypatch.setenv(ENDPOINT_VARIABLE, f"candidate={server.url}")
    with pytest.raises(InputError, match="OpenAI's protocol, which has no classes"):
        open_predictor(model.path, "candidate")


def test_a_measured_window_counts_the_work_of_the_server_it_started(
    model: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = servers()
    monkeypatch.setenv(ENDPOINT_VARIABLE, "transformers")
    with ResidentWorker("served") as worker:
        worker.load(model.path, SERVED_LOADER)
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


def test_the_key_of_another_service_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another")
    monkeypatch.delenv("LEANSTAGE_ENDPOINT_TOKEN", raising=False)
    assert "sk-" not in Endpoint("http://h", "m")._client.auth_headers["Authorization"]
    monkeypatch.setenv("LEANSTAGE_ENDPOINT_TOKEN", "mine")
    assert Endpoint("http://h", "m")._client.auth_headers["Authorization"] == "Bearer mine"
