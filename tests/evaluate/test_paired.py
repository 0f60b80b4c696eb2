"""Real tiny models, evaluated from disk: figures and answers in one folder."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from leanstage.contracts import Evaluation
from leanstage.errors import InputError, LeanstageError
from leanstage.evaluate import evaluate, paired, record
from leanstage.tasks import (
    EVALUATION_FILE,
    PREDICTIONS_FILE,
    Examples,
    Predictions,
    SplitFolder,
    compare,
    open_split,
    read_labelled,
    write_split,
)
from leanstage.variant import Variant, file_sha256, load_predictor
from leanstage.variant.adopt import adopt

LABELS = ("negative", "positive")
BATCH = 32


@pytest.fixture
def baseline(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> Variant:
    return adopt(tiny_checkpoint("bert"), tmp_path / "baseline")


@pytest.fixture
def harmed(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> Callable[[float], Variant]:
    """The same model, its classifier leaning by so much to the positive class."""

    def make(lean: float) -> Variant:
        copy = Path(shutil.copytree(tiny_checkpoint("bert"), tmp_path / f"copy-{lean}"))
        weights = load_file(copy / "model.safetensors")
        weights["classifier.bias"] += torch.tensor([-lean, lean])
        save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
        return adopt(copy, tmp_path / f"harmed-{lean}")

    return make


@pytest.fixture
def split(tmp_path: Path, data: dict[str, Path]) -> SplitFolder:
    """Evaluation rows, sliced by the parity of their number.

    Every fourth says both, so that models may differ; every tenth has the wrong label.
    """
    lines = data["evaluation"].read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    for number, row in enumerate(rows):
        row["odd"] = number % 2 == 1
        if number % 4 == 0:
            row["text"] += " dreadful boring" if row["label"] else " superb wonderful"
        if number % 10 == 0:
            row["label"] = 1 - row["label"]
    data["evaluation"].write_text("\n".join(map(json.dumps, rows)))
    examples = read_labelled(str(data["evaluation"]), LABELS, split="evaluation", columns=["odd"])
    write_split(
        tmp_path / "split", examples, split="evaluation", labels=LABELS, overlap_with_train=3
    )
    return open_split(tmp_path / "split")


def answers_of(variant: Variant, texts: Sequence[str]) -> Any:
    predictor = load_predictor(variant.path)
    parts = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    return np.concatenate([predictor.predict(part) for part in parts]).argmax(axis=1)


def test_figures_and_answers_lie_in_one_folder(
    baseline: Variant, harmed: Callable[[float], Variant], split: SplitFolder, tmp_path: Path
) -> None:
    candidate, champion, target = harmed(2.0), harmed(-1.0), tmp_path / "figures"
    evaluation = evaluate(
        baseline, candidate, split, batch_size=BATCH, target=target, champion=champion
    )
    assert sorted(path.name for path in target.iterdir()) == [EVALUATION_FILE, PREDICTIONS_FILE]
    assert Evaluation.load(target / EVALUATION_FILE) == evaluation
    assert evaluation.predictions_sha256 == file_sha256(target / PREDICTIONS_FILE)

    predictions = Predictions.load(target / PREDICTIONS_FILE)
    labels, texts = np.array(split.labels), split.texts
    assert predictions.labels.tolist() == split.labels
    assert predictions.baseline.tolist() == answers_of(baseline, texts).tolist()
    assert predictions.candidate.tolist() == answers_of(candidate, texts).tolist()
    assert predictions.champion is not None
    assert predictions.champion.tolist() == answers_of(champion, texts).tolist()

    again = compare(predictions, LABELS, champion_digest=champion.digest)
    for name, value in again.figures().items():
        assert getattr(evaluation, name) == value
    assert evaluation.n == len(texts) == 400
    assert evaluation.candidate == (predictions.candidate == labels).mean()
    assert 0 < evaluation.counts.baseline_only + evaluation.counts.candidate_only < 400
    assert [(part.column, part.value, part.counts.n) for part in evaluation.slices][2:] == [
        ("odd", "false", 200),
        ("odd", "true", 200),
    ]
    assert (evaluation.baseline_digest, evaluation.candidate_digest) == (
        baseline.digest,
        candidate.digest,
    )
    assert evaluation.champion is not None
    assert evaluation.champion.digest == champion.digest
    assert evaluation.dataset_sha256 == split.info.rows_sha256
    assert evaluation.overlap_with_train == 3
    changed = np.flatnonzero(predictions.baseline != predictions.candidate)
    assert [flip.row for flip in evaluation.flips] == changed[:20].tolist()
    first = evaluation.flips[0]
    assert first.text == texts[first.row]
    assert first.candidate == LABELS[predictions.candidate[first.row]] != first.baseline


def test_the_same_models_give_the_same_bytes(
    baseline: Variant, harmed: Callable[[float], Variant], split: SplitFolder, tmp_path: Path
) -> None:
    candidate = harmed(2.0)
    found = [
        evaluate(baseline, candidate, split, batch_size=BATCH, target=tmp_path / "figures")
        for _ in range(2)
    ]
    assert found[0].champion is None
    assert found[0].model_copy(update={"seconds": found[1].seconds}) == found[1]


@pytest.mark.parametrize("same_as", ["baseline", "candidate"])
def test_a_champion_that_is_in_the_pair_answers_once(
    same_as: str,
    baseline: Variant,
    harmed: Callable[[float], Variant],
    split: SplitFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    candidate = harmed(2.0)
    champion = baseline if same_as == "baseline" else candidate
    opened = []
    monkeypatch.setattr(
        paired, "open_predictor", lambda path, _: opened.append(path) or load_predictor(path)
    )
    evaluation = evaluate(
        baseline,
        candidate,
        split,
        batch_size=BATCH,
        target=tmp_path / "figures",
        champion=champion,
    )
    assert opened == [baseline.path, candidate.path]
    assert evaluation.champion is not None
    assert evaluation.champion.digest == champion.digest
    if same_as == "baseline":
        assert evaluation.champion.counts == evaluation.counts
    else:
        assert evaluation.champion.counts.drop == 0.0
        assert evaluation.champion.accuracy == evaluation.candidate


@pytest.mark.parametrize("who", ["candidate", "champion"])
def test_models_of_other_labels_are_not_compared(
    who: str, baseline: Variant, split: SplitFolder, tmp_path: Path
) -> None:
    manifest = baseline.manifest.model_copy(update={"labels": ("positive", "negative")})
    others = {
        "candidate": baseline,
        "champion": baseline,
        who: replace(baseline, manifest=manifest),
    }
    with pytest.raises(LeanstageError, match=f"the {who} has the labels positive, negative, the"):
        evaluate(
            baseline,
            others["candidate"],
            split,
            batch_size=BATCH,
            target=tmp_path / "figures",
            champion=others["champion"],
        )
    assert not (tmp_path / "figures").exists()


def test_rows_of_other_labels_are_refused(
    baseline: Variant, split: SplitFolder, tmp_path: Path
) -> None:
    info = split.info.model_copy(update={"labels": ("no", "yes")})
    with pytest.raises(LeanstageError, match="the evaluation split has the labels no, yes"):
        evaluate(
            baseline, baseline, replace(split, info=info), batch_size=BATCH, target=tmp_path / "f"
        )


def test_a_split_without_rows_is_refused(baseline: Variant, tmp_path: Path) -> None:
    write_split(tmp_path / "s", Examples([], [], "rows"), split="evaluation", labels=LABELS)
    with pytest.raises(InputError, match="rows holds no labelled rows"):
        evaluate(
            baseline, baseline, open_split(tmp_path / "s"), batch_size=BATCH, target=tmp_path / "f"
        )


class Broken:
    """Answers with what is no probability."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def predict(self, texts: Sequence[str]) -> Any:
        return np.full((len(texts), *self.answer.shape), self.answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (np.array([0.2, np.nan]), "the baseline answered 400 rows with NaN"),
        (np.array([0.2, np.inf]), "the baseline answered 400 rows with NaN"),
        (np.array([0.1, 0.2, 0.7]), r"gave answers of shape \(32, 3\) to 32 rows of 2 classes"),
    ],
)
def test_broken_answers_leave_nothing_behind(
    answer: Any,
    said: str,
    baseline: Variant,
    split: SplitFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paired, "open_predictor", lambda *_: Broken(answer))
    target = tmp_path / "figures"
    with pytest.raises(LeanstageError, match=said):
        evaluate(baseline, baseline, split, batch_size=BATCH, target=target)
    assert not target.exists()
    assert not list(tmp_path.glob(".figures*"))


def test_answers_of_ones_own_give_the_same_figures(
    baseline: Variant, harmed: Callable[[float], Variant], split: SplitFolder, tmp_path: Path
) -> None:
    candidate = harmed(2.0)
    ours = evaluate(baseline, candidate, split, batch_size=BATCH, target=tmp_path / "ours")
    kept = Predictions.load(tmp_path / "ours" / PREDICTIONS_FILE)
    theirs = record(
        {"baseline": kept.baseline.astype(np.int64), "candidate": kept.candidate},
        {"baseline": baseline, "candidate": candidate},
        split,
        target=tmp_path / "theirs",
        seconds=ours.seconds,
    )
    assert ours.difference != 0
    assert theirs == ours


@pytest.mark.parametrize("wrong", ["short", "shares", "beyond", "negative"])
def test_answers_that_are_no_class_of_every_row_are_refused(
    wrong: str, baseline: Variant, split: SplitFolder, tmp_path: Path
) -> None:
    right = np.asarray(split.labels)
    given = {
        "short": right[:-1],
        "shares": right + 0.5,
        "beyond": np.where(right == 1, 2, 0),
        "negative": -right,
    }[wrong]
    answers = {"baseline": right, "candidate": given}
    variants = {"baseline": baseline, "candidate": baseline}
    with pytest.raises(LeanstageError, match=r"answers of the candidate .* from 0 to 1 for each"):
        record(answers, variants, split, target=tmp_path / "out")
    assert not (tmp_path / "out").exists()
