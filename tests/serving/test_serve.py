"""``leanstage serve``: what was judged answers over KServe's protocols, whatever is asked."""

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from leanstage.serving.choice import address
from leanstage.serving.inference import InferenceClassifier
from leanstage.variant import Variant, load_predictor
from leanstage.variant.adopt import adopt
from leanstage.variant.forms import write_openvino
from tests.conftest import LABELS, reviews
from tests.serving.conftest import KSERVE_PYTHON, await_ready, free_port, running

TEXTS = [text for text, _ in reviews(40, seed=8)]
COMMAND = [str(KSERVE_PYTHON), "-c", "from leanstage.cli import main; main()", "serve"]
pytestmark = pytest.mark.skipif(
    not KSERVE_PYTHON.exists(),
    reason=f"no Python with kserve at {KSERVE_PYTHON}; `make kserve` makes one",
)


@dataclass(frozen=True)
class Served:
    """A server of a variant, under the name ``reviews``."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        return requests.post(f"{self.url}/{path}", json=body, timeout=30, **options)

    def first(self, *texts: Any) -> requests.Response:
        return self.post("v1/models/reviews:predict", {"instances": list(texts)})

    def second(self, *texts: Any, **more: Any) -> requests.Response:
        tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
        return self.post("v2/models/reviews/infer", {"inputs": [tensor], **more})


@contextmanager
def served(variant: Variant, folder: Path) -> Iterator[Served]:
    port = free_port()
    log = folder / "log"
    options = ["--name", "reviews", "--host", "127.0.0.1", "--port", str(port)]
    with (
        log.open("wb") as output,
        running([*COMMAND, str(variant.path), *options], stdout=output, stderr=output) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        await_ready(url, process, log)
        yield Served(url, process, log)


@pytest.fixture(scope="module")
def checkpoint(
    tiny_checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Variant:
    return adopt(tiny_checkpoint("bert"), tmp_path_factory.mktemp("checkpoint") / "variant")


@pytest.fixture(scope="module")
def representation(checkpoint: Variant, tmp_path_factory: pytest.TempPathFactory) -> Variant:
    return write_openvino(checkpoint, tmp_path_factory.mktemp("representation") / "variant")


@pytest.fixture(scope="module", params=["graph", "representation", "checkpoint"])
def variant(request: pytest.FixtureRequest) -> Variant:
    """Under onnxruntime, OpenVINO and PyTorch."""
    found: Variant = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def server(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(variant, tmp_path_factory.mktemp("served")) as found:
        yield found


def test_it_answers_row_by_row_what_the_predictor_does(variant: Variant, server: Served) -> None:
    expected = load_predictor(variant.path).predict(TEXTS)
    first = server.first(*TEXTS).json()["predictions"]
    assert [list(row) for row in first] == [list(LABELS)] * len(TEXTS)
    np.testing.assert_allclose([list(row.values()) for row in first], expected, atol=1e-6)
    probabilities, label = server.second(*TEXTS, id="7").json()["outputs"]
    assert (probabilities["name"], probabilities["shape"]) == ("probabilities", [len(TEXTS), 2])
    given = np.array(probabilities["data"]).reshape(probabilities["shape"])
    np.testing.assert_allclose(given, expected, atol=1e-6)
    assert label["data"] == [LABELS[row] for row in expected.argmax(axis=-1)]
    assert len(set(label["data"])) == 2


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_evaluation_can_ask_it(protocol: str, variant: Variant, server: Served) -> None:
    where = address(f"{server.url}/{protocol}/models/reviews")
    given = InferenceClassifier(variant.path, where).predict(TEXTS)
    np.testing.assert_allclose(given, load_predictor(variant.path).predict(TEXTS), atol=1e-6)


def test_it_says_how_it_is(server: Served) -> None:
    assert requests.get(f"{server.url}/v2/health/live", timeout=5).json() == {"live": True}
    assert requests.get(f"{server.url}/v2/health/ready", timeout=5).json() == {"ready": True}
    assert requests.get(f"{server.url}/v2/models/reviews/ready", timeout=5).ok
    assert requests.get(f"{server.url}/v1/models/reviews", timeout=5).json()["ready"]
    about = requests.get(f"{server.url}/v2/models/reviews", timeout=5).json()
    assert about["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    server.first("a wonderful film")
    metrics = requests.get(f"{server.url}/metrics", timeout=5).text
    assert 'request_predict_seconds_count{model_name="reviews"}' in metrics
    assert "leanstage_call_rows_count" in metrics


BAD: dict[str, tuple[str, Any, str]] = {
    "no instances": ("v1", {}, '{"instances": ["a text", ...]}'),
    "a list": ("v1", ["a"], '{"instances": ["a text", ...]}'),
    "a number for instances": ("v1", {"instances": 5}, 'Expected "instances" to be a list'),
    "no text": ("v1", {"instances": []}, "there is no text"),
    "a number for a text": ("v1", {"instances": ["a", 5]}, "instance 1 is no text but int"),
    "nothing for a text": ("v1", {"instances": [None]}, "instance 0 is no text but NoneType"),
    "too many": ("v1", {"instances": ["a"] * 1025}, "1025 texts in one request; send 1024"),
    "too long": ("v1", {"instances": ["a" * 1_000_001]}, "1,000,001 characters; send 1,000,000"),
    "numbers in a tensor": (
        "v2",
        {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [0.5]}]},
        "a tensor of texts",
    ),
    "two tensors": (
        "v2",
        {"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": ["a"]}] * 2},
        "the model takes one input",
    ),
    "another shape": (
        "v2",
        {"inputs": [{"name": "x", "shape": [7], "datatype": "BYTES", "data": ["a"]}]},
        "says shape [7] and holds 1 texts",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_is_told_what_is_wrong(case: str, server: Served) -> None:
    version, body, said = BAD[case]
    path = "v1/models/reviews:predict" if version == "v1" else "v2/models/reviews/infer"
    answer = server.post(path, body)
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]


def test_another_model_is_not_there(server: Served) -> None:
    answer = server.post("v1/models/other:predict", {"instances": ["a"]})
    assert answer.status_code == 404
    assert "other" in answer.json()["error"]


def test_requests_that_come_together_are_answered_together(
    variant: Variant, server: Served
) -> None:
    def calls() -> tuple[float, float]:
        text = requests.get(f"{server.url}/metrics", timeout=5).text
        lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[:1] != "#")
        return float(lines["leanstage_call_rows_count"]), float(lines["leanstage_call_rows_sum"])

    count, rows = calls()
    asked = TEXTS * 10
    with ThreadPoolExecutor(16) as pool:
        given = list(pool.map(lambda text: server.first(text).json()["predictions"][0], asked))
    expected = load_predictor(variant.path).predict(TEXTS)
    np.testing.assert_allclose(
        [list(row.values()) for row in given], np.tile(expected, (10, 1)), atol=1e-4
    )
    count, rows = calls()[0] - count, calls()[1] - rows
    assert rows == len(asked)
    assert count < len(asked), "some went into one call"


def test_it_ends_when_it_is_told_to_and_answers_what_it_took(
    graph: Variant, tmp_path: Path
) -> None:
    with served(graph, tmp_path) as server, ThreadPoolExecutor(8) as pool:
        long = [" ".join(TEXTS)] * 1024
        # Together bound to last longer than the signal takes.
        asked = [pool.submit(server.first, *long) for _ in range(8)]
        time.sleep(0.5)
        assert not all(one.done() for one in asked)
        server.process.send_signal(signal.SIGTERM)
        for one in asked:
            answer = one.result(timeout=60)
            assert answer.status_code == 200
            assert len(answer.json()["predictions"]) == 1024
        server.process.wait(timeout=30)
        with pytest.raises(requests.ConnectionError):
            server.first("a film")


def refused(folder: Path) -> str:
    done = subprocess.run(
        [*COMMAND, str(folder)], capture_output=True, text=True, timeout=60, check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    return " ".join(done.stderr.split())


def test_bytes_that_were_changed_do_not_serve(graph: Variant, tmp_path: Path) -> None:
    import shutil

    changed = tmp_path / "changed"
    shutil.copytree(graph.path, changed)
    with (changed / "onnx" / "model.onnx").open("ab") as stream:
        stream.write(b"x")
    assert "was changed after it was written" in refused(changed)
    assert "is not a variant that leanstage wrote" in refused(tmp_path)


def scraps(rng: random.Random) -> Any:
    """Something that JSON can say, of any shape."""
    kind = rng.randrange(9)
    if kind == 0:
        return {rng.choice(["inputs", "instances", "data", "id"]): scraps(rng) for _ in range(2)}
    if kind == 1:
        return [scraps(rng) for _ in range(rng.randrange(4))]
    if kind == 2:
        return rng.choice([None, True, False, -1, 0.5, 10**30, 1e308])
    if kind == 3:
        return rng.choice(["BYTES", "FP32", "INT64", "x", ""])
    return "".join(chr(rng.choice([9, 65, 228, 0x4E2D, 0x1F600, 0, 0xFFFD])) for _ in range(5))


def fuzzed(rng: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """Path, body and headers of a request that is nearly, or not at all, one."""
    path = rng.choice(["v1/models/reviews:predict", "v2/models/reviews/infer"])
    tensor: dict[str, Any] = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}
    body: Any = {"instances": ["a"]} if path.startswith("v1") else {"inputs": [tensor]}
    for _ in range(rng.randrange(3)):
        place = rng.choice([body, tensor])
        place[rng.choice([*place, "parameters", "outputs"])] = scraps(rng)
    raw = json.dumps(scraps(rng) if rng.random() < 0.2 else body).encode()
    if rng.random() < 0.3:
        cut = rng.randrange(len(raw) + 1)
        raw = raw[:cut] + bytes(rng.randrange(256) for _ in range(3)) + raw[cut:]
    kinds = ["application/json", "application/octet-stream", "text/plain"]
    headers = {"Content-Type": rng.choice([kinds[0], kinds[0], *kinds])}
    if rng.random() < 0.2:
        length = rng.choice(["0", "-5", "x", str(len(raw)), "9" * 12])
        headers["Inference-Header-Content-Length"] = length
    if rng.random() < 0.1:
        headers |= {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "x", "ce-type": "y"}
    return path, raw, headers


def test_ten_thousand_fuzzed_requests_are_answered_and_it_stands(
    graph: Variant, tmp_path: Path
) -> None:
    rng = random.Random(20261127)
    with served(graph, tmp_path) as server, requests.Session() as session:
        faults = []
        for _ in range(10_000):
            path, body, headers = fuzzed(rng)
            answer = session.post(f"{server.url}/{path}", data=body, headers=headers, timeout=30)
            if answer.status_code >= 500:
                faults.append((answer.status_code, path, body, headers, answer.text[:200]))
        assert server.process.poll() is None
        expected = load_predictor(graph.path).predict(TEXTS)
        given = server.first(*TEXTS).json()["predictions"]
        np.testing.assert_allclose([list(row.values()) for row in given], expected, atol=1e-6)
        assert faults == []
