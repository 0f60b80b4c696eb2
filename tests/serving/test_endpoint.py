"""A model behind the server that serves it says what it says in this process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from leanstage.energy.meters import CpuTimeMeter
from leanstage.energy.protocol import compare
from leanstage.errors import InputError, LeanstageError
from leanstage.serving import endpoint
from leanstage.serving.endpoint import ServedGenerator, ServedWriter, chosen_server, load_served
from leanstage.serving.server import Server
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from leanstage.variant.generation import load_generator
from leanstage.variant.writing import NEW_TOKENS
from tests.generation_model import sentences, train_tiny_llama

PROMPTS = [text.rsplit(maxsplit=1)[0] for text in sentences(12, seed=9)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Variant:
    folder = tmp_path_factory.mktemp("llama")
    return adopt(train_tiny_llama(folder / "checkpoint"), folder / "variant")


@pytest.fixture(scope="module")
def served(model: Variant) -> Iterator[ServedGenerator]:
    generator = ServedGenerator("transformers", model.path)
    yield generator
    generator.server.stop()


def test_what_it_writes_is_what_the_model_writes(model: Variant, served: ServedGenerator) -> None:
    inside = load_generator(model.path)
    limits = [2 + number % 4 for number in range(12)]
    written = served.generate(PROMPTS, limits)
    assert written == inside.generate(PROMPTS, limits)
    assert len(set(written)) > 5
    assert served.lengths(PROMPTS, written) == inside.lengths(PROMPTS, written)


def test_answers_of_fixed_length_are_the_servers_work(served: ServedGenerator) -> None:
    writer = ServedWriter(served)
    before, own = writer.cpu_seconds(), time.process_time()
    answers = writer.predict(PROMPTS[:4])
    spent, asking = writer.cpu_seconds() - before, time.process_time() - own
    assert answers.tolist() == [[NEW_TOKENS]] * 4
    assert spent > asking, "the client is not what works"
    assert writer.rss_bytes() > 100_000_000


def test_a_request_that_cannot_be_answered(served: ServedGenerator) -> None:
    with pytest.raises(LeanstageError, match="did not complete"):
        served.generate(["so"], [-1])


def test_a_server_ends_with_the_process_that_started_it(model: Variant) -> None:
    program = (
        "import sys, time; from pathlib import Path; from leanstage.serving.server import Server\n"
        "print(Server('transformers', Path(sys.argv[1])).pid, flush=True); time.sleep(300)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(model.path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    server = psutil.Process(int(parent.stdout.readline()))
    assert server.is_running()
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    psutil.wait_procs([server], timeout=20)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE


def test_a_folder_that_no_server_loads(tmp_path: Path) -> None:
    with pytest.raises(LeanstageError, match="transformers serve ended with exit code") as caught:
        Server("transformers", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_server_that_takes_too_long(model: Variant) -> None:
    with pytest.raises(LeanstageError, match="did not answer in time"):
        Server("transformers", model.path, start_seconds=0.0)
    assert not [child for child in psutil.Process().children() if "serving.child" in _line(child)]


def _line(process: psutil.Process) -> str:
    return " ".join(process.cmdline())


def test_a_server_that_is_not_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert chosen_server() is None
    with pytest.raises(InputError, match="names no server"):
        load_served(tmp_path)
    monkeypatch.setenv(endpoint.ENDPOINT_VARIABLE, "ollama")
    with pytest.raises(InputError, match="no server is called 'ollama'; known are transformers"):
        chosen_server()


def test_energy_is_measured_through_the_server(
    model: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(endpoint.ENDPOINT_VARIABLE, "transformers")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = compare(
        {"baseline": model.path, "candidate": model.path},
        PROMPTS,
        batch_size=4,
        dataset_sha256="d" * 64,
        digests=dict.fromkeys(("baseline", "candidate"), model.digest),
        forms=dict.fromkeys(("baseline", "candidate"), ("torch", "fp32")),
        meter=CpuTimeMeter(threads=len(os.sched_getaffinity(0))),
        blocks=2,
        window_seconds=0.5,
        warm_up_seconds=0.5,
        tokens_per_answer=NEW_TOKENS,
        endpoint="transformers serve",
        loader=endpoint.SERVED_LOADER,
    )
    failed = {check.name for check in found.checks if not check.passed}
    assert not failed & {"answers", "cpu-time"}
    baseline = found.arm("baseline")
    assert found.joules_per_token(baseline) == baseline.joules_per_answer / NEW_TOKENS
    # Three servers have answered, and none is left.
    assert not [child for child in psutil.Process().children(True) if "serve" in _line(child)]
