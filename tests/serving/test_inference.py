"""A classifier behind KServe's protocols says what it says in this process."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from leanstage.energy.resident import ResidentWorker
from leanstage.errors import InputError, LeanstageError
from leanstage.evaluate.paired import _answers
from leanstage.serving.choice import ENDPOINT_VARIABLE, address, choice
from leanstage.serving.endpoint import (
    SERVED_LOADER,
    ServedClassifier,
    load_served,
    open_predictor,
    require_served,
)
from leanstage.serving.http import TOKEN_VARIABLE, Connection
from leanstage.serving.inference import InferenceClassifier
from leanstage.serving.processes import Elsewhere, listening_at
from leanstage.serving.scores import probabilities
from leanstage.tasks import open_split, read_labelled, write_split
from leanstage.variant import Variant, load_predictor
from leanstage.variant.adopt import adopt
from tests.conftest import LABELS, reviews, write_rows
from tests.http_stub import Handler, answering, serving

TEXTS = [text for text, _ in reviews(24, seed=5)]
FORMS = ("probabilities", "logits", "named", "indices", "labels")


def ask(variant: Variant, url: str) -> Any:
    return InferenceClassifier(variant.path, address(url)).predict(TEXTS)


def check(variant: Variant, server: str, version: str, form: str) -> None:
    inside = load_predictor(variant.path).predict(TEXTS)
    given = ask(variant, f"{server}/{version}/models/{form}")
    assert given.argmax(axis=-1).tolist() == inside.argmax(axis=-1).tolist()
    assert len(set(inside.argmax(axis=-1))) == 2
    if form in ("indices", "labels"):
        assert set(given.ravel().tolist()) == {0.0, 1.0}
    else:
        assert np.allclose(given, inside, atol=1e-5)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_answer(
    graph: Variant, inference_server: str, version: str, form: str
) -> None:
    check(graph, inference_server, version, form)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("form", FORMS)
def test_kserves_own_server(graph: Variant, kserve_server: str, version: str, form: str) -> None:
    check(graph, kserve_server, version, form)


def test_a_graph_that_takes_token_ids(graph: Variant, inference_server: str) -> None:
    given = ask(graph, f"{inference_server}/v2/models/tokens")
    assert np.allclose(given, load_predictor(graph.path).predict(TEXTS), atol=1e-5)


def test_what_is_refused_for_the_moment_is_asked_again(
    graph: Variant, inference_server: str
) -> None:
    assert ask(graph, f"{inference_server}/v2/models/busy").shape == (24, 2)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("v2/models/missing", "refused with 404: .*no model at"),
        ("v2/models/broken", "refused with 500: .*the graph.*is not there"),
        ("v2/models/foreign", r"takes pixels \(FP32\); a model is asked with one input of BYTES"),
    ],
)
def test_a_server_that_does_not_answer_says_why_in_one_sentence(
    graph: Variant, inference_server: str, place: str, said: str
) -> None:
    with pytest.raises(LeanstageError, match=said) as caught:
        ask(graph, f"{inference_server}/{place}")
    assert "\n" not in str(caught.value)
    assert place in str(caught.value)


def test_no_server_there(graph: Variant) -> None:
    with pytest.raises(LeanstageError, match="cannot be reached"):
        ask(graph, "http://127.0.0.1:1/v2/models/any")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (None, "gave no list of answers to 2 texts"),
        ([[0.5, 0.5]], "gave 1 answers to 2 texts"),
        ([[0.5, 0.5], [0.3, 0.3, 0.4]], r"said '\[0.3, 0.3, 0.4\]' of a text"),
        ([0, 2], "said '2' of a text"),
        ([0, True], "said 'True' of a text"),
        (["positive", "neutral"], "said 'neutral' of a text, where the scores of 2 classes"),
        ([{"0": 0.5, "1": 0.5}, {"0": 0.5}], "does it serve this model"),
        ([[0.5, 0.5], ["0.5", "0.5"]], "does it serve this model"),
        ([[0.5, 0.5], "{broken"], "does it serve this model"),
    ],
)
def test_what_is_no_answer_of_this_model(rows: Any, said: str) -> None:
    with pytest.raises(LeanstageError, match=said):
        probabilities(rows, 2, LABELS, "http://h/v2/models/m")


def test_probabilities_that_a_server_rounded_stay_as_they_are() -> None:
    given = probabilities([["0"], [1.0], [0.6667, 0.3334]][1:], 2, LABELS, "u")
    assert given.tolist() == [[0.0, 1.0], pytest.approx([0.6667, 0.3334])]


def test_what_is_not_a_number_is_no_answer() -> None:
    given = probabilities([[float("nan"), 0.5], [0.5, 0.5]], 2, LABELS, "u")
    assert np.isfinite(given).all(axis=-1).tolist() == [False, True]


def test_the_token_is_sent_and_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str | None] = []

    def answer(path: str, query: dict[str, str], authorization: str | None) -> tuple[int, bytes]:
        shown.append(authorization)
        return 200, b'{"ready": true}'

    monkeypatch.setenv(TOKEN_VARIABLE, "very-secret")
    with answering(answer) as url:
        assert Connection(url).get(url) == {"ready": True}
    assert shown == ["Bearer very-secret"]
    with pytest.raises(LeanstageError) as caught:
        Connection("http://127.0.0.1:1").get("http://127.0.0.1:1")
    assert "very-secret" not in str(caught.value)
    monkeypatch.setenv(TOKEN_VARIABLE, "very\nsecret")
    with pytest.raises(InputError, match="holds no bearer token"):
        Connection("http://127.0.0.1:1")


@pytest.mark.parametrize("inputs", ['[{"shape": [1]}]', '["input_ids"]', "5"])
def test_a_server_that_tells_of_no_inputs_that_can_be_asked(graph: Variant, inputs: str) -> None:
    with (
        answering(lambda *_: (200, f'{{"inputs": {inputs}}}'.encode())) as url,
        pytest.raises(LeanstageError, match="tells of inputs without name and datatype"),
    ):
        InferenceClassifier(graph.path, address(f"{url}/v2/models/m"))


@pytest.mark.parametrize(
    "outputs",
    ["[]", '["scores"]', '[{"name": "scores", "shape": null, "data": [1]}]', '[{"name": "a"}]'],
)
def test_a_server_that_answers_without_scores(graph: Variant, outputs: str) -> None:
    class Odd(Handler, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(200, b"{}")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(200, f'{{"outputs": {outputs}}}'.encode())

    with serving(Odd) as url, pytest.raises(LeanstageError, match=r"answered with.* outputs"):
        ask(graph, f"{url}/v2/models/m")


def test_an_evaluation_through_the_endpoint_counts_the_same(
    graph: Variant, inference_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", reviews(60, seed=6))
    write_split(
        tmp_path / "split",
        read_labelled(str(rows), LABELS, split="evaluation"),
        split="evaluation",
        labels=LABELS,
    )
    split = open_split(tmp_path / "split")
    inside = _answers("candidate", graph, split, 8)
    monkeypatch.setenv(
        ENDPOINT_VARIABLE,
        f"candidate={inference_server}/v2/models/labels baseline=http://127.0.0.1:1/v2/models/m",
    )
    assert _answers("candidate", graph, split, 8).tolist() == inside.tolist()
    with pytest.raises(LeanstageError, match=r"127\.0\.0\.1:1.* cannot be reached"):
        _answers("baseline", graph, split, 8)
    with pytest.raises(InputError, match="does not say where the champion answers"):
        open_predictor(graph.path, "champion")


@pytest.mark.parametrize("form", ["wrong-probabilities", "wrong-labels"])
def test_an_endpoint_with_other_weights(
    graph: Variant, inference_server: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, f"candidate={inference_server}/v2/models/{form}")
    with pytest.raises(LeanstageError, match=r"answers \d of 8 texts otherwise .* other weights"):
        require_served(graph.path, "candidate")


def test_a_window_counts_the_work_of_a_server_that_ran_already(
    graph: Variant, inference_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = listening_at(inference_server)
    assert pid is not None
    monkeypatch.setenv(ENDPOINT_VARIABLE, f"candidate={inference_server}/v2/models/probabilities")
    with ResidentWorker("control") as worker:
        worker.load(graph.path, SERVED_LOADER)
        worker.prepare(TEXTS, 8)
        before = sum(psutil.Process(pid).cpu_times()[:2])
        run = worker.run(0.3, 24)
        at_rate = worker.at_rate(20.0, 1.0, seed=0)
        spent = sum(psutil.Process(pid).cpu_times()[:2]) - before
        assert run.answers == run.planned
        assert run.cpu_seconds + at_rate.cpu_seconds > spent > 0
        assert run.peak_rss_bytes > psutil.Process(pid).memory_info().rss
        assert at_rate.answers == at_rate.planned == 160
    assert psutil.Process(pid).is_running(), "who started it ends it"


@pytest.mark.parametrize("runtime", ["onnxruntime", "torch"])
def test_a_rate_is_met_by_either_runtime_too(
    graph: Variant, tiny_checkpoint: Callable[[str], Path], tmp_path: Path, runtime: str
) -> None:
    variant = graph if runtime == "onnxruntime" else adopt(tiny_checkpoint("bert"), tmp_path / "v")
    assert variant.manifest.runtime == runtime
    with ResidentWorker("candidate") as worker:
        worker.load(variant.path)
        worker.prepare(TEXTS, 8)
        found = worker.at_rate(15.0, 1.0, seed=2)
    assert found.answers == found.planned == 120
    assert None not in found.latencies_ms
    assert found.cpu_seconds < found.wall_seconds, "it waits most of the time"


def test_two_models_of_one_process_cannot_be_told_apart(
    inference_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        ENDPOINT_VARIABLE,
        f"baseline={inference_server}/v2/models/a candidate={inference_server}/v2/models/b",
    )
    with pytest.raises(InputError, match="baseline and candidate are served by one process"):
        choice().processes("baseline", "candidate")


def test_a_worker_rests_while_another_asks_the_same_server(
    graph: Variant, inference_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As candidate and control do."""
    monkeypatch.setenv(ENDPOINT_VARIABLE, f"candidate={inference_server}/v2/models/probabilities")
    with ResidentWorker("candidate") as asking, ResidentWorker("control") as waiting:
        for worker in (asking, waiting):
            worker.load(graph.path, SERVED_LOADER)
            worker.prepare(TEXTS, 8)
        used = asking.run(0.5, 24).cpu_seconds
        assert waiting.wait() < 0.2 * used


def test_requests_to_a_server_overlap(
    graph: Variant, inference_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes 0.3 s: one after the other, no more than 3.4 a second could be answered."""
    monkeypatch.setenv(ENDPOINT_VARIABLE, f"baseline={inference_server}/v2/models/slow")
    with ResidentWorker("baseline") as worker:
        worker.load(graph.path, SERVED_LOADER)
        worker.prepare(TEXTS[:4], 1)
        found = worker.at_rate(12.0, 1.5, seed=1)
    assert found.achieved_rate is not None
    assert found.achieved_rate > 3.4
    assert min(latency or 0.0 for latency in found.latencies_ms) >= 300


def test_what_another_machine_spends_is_not_ours_to_count(
    graph: Variant, inference_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert listening_at("http://192.0.2.1/v2/models/m") is None
    monkeypatch.setattr("leanstage.serving.endpoint.listening_at", lambda _: None)
    monkeypatch.setenv(ENDPOINT_VARIABLE, f"{inference_server}/v2/models/labels")
    served = load_served(graph.path)
    assert isinstance(served, ServedClassifier)
    assert isinstance(served._work, Elsewhere)
    assert (served.cpu_seconds(), served.rss_bytes()) == (0.0, 0)
