"""All models answer every evaluation row; what differs is counted row by row."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leanstage import progress
from leanstage.contracts import Evaluation, Flip
from leanstage.errors import InputError, LeanstageError
from leanstage.tasks import (
    EVALUATION_FILE,
    PREDICTIONS_FILE,
    Predictions,
    SplitFolder,
    compare,
)
from leanstage.variant import Variant, file_sha256, fresh_folder, load_predictor

FLIPS_SHOWN = 20


def evaluate(
    baseline: Variant,
    candidate: Variant,
    split: SplitFolder,
    *,
    batch_size: int,
    target: Path,
    champion: Variant | None = None,
) -> Evaluation:
    """Compare two variants, and the candidate with the champion, on a labelled split.

    Rows are answered in their own order in batches of ``batch_size``, as production would send
    them: with dynamic quantization the batch is part of the answer. Variants of one digest answer
    once.

    Args:
        target: folder that comes to hold the figures (``evaluation.json``) and the answers that
            they follow from (``predictions.parquet``), both or neither.
        champion: what serves at present; None where nothing does.

    Raises:
        InputError: the split has no labelled rows.
        LeanstageError: a model answers with something that is not a probability, or has other
            labels than the rows or the baseline.
    """
    started = time.monotonic()
    variants = {"baseline": baseline, "candidate": candidate}
    if champion is not None:
        variants["champion"] = champion
    _check(variants, split)
    by_digest: dict[str, NDArray[np.int32]] = {}
    for name, variant in variants.items():
        if variant.digest not in by_digest:
            by_digest[variant.digest] = _answers(name, variant, split.texts, batch_size)
    answers = {name: by_digest[variant.digest] for name, variant in variants.items()}
    seconds = time.monotonic() - started
    return record(answers, variants, split, target=target, seconds=seconds)


def record(
    answers: Mapping[str, NDArray[np.int32]],
    variants: Mapping[str, Variant],
    split: SplitFolder,
    *,
    target: Path,
    seconds: float = 0.0,
) -> Evaluation:
    """Write the answers of the compared models and every figure that follows from them.

    For an evaluation of your own, which asks the models in its own way: the gate counts again from
    the answers, so figures without them are worth nothing.

    Args:
        answers: class indices of shape (rows,) in the order of ``split``, by ``baseline``,
            ``candidate`` and, where one serves, ``champion``.
        variants: who answered, by the same names.
        target: folder that comes to hold figures and answers, both or neither.
        seconds: that the models took to answer.

    Raises:
        InputError: the split has no labelled rows.
        LeanstageError: labels differ, or the answers are not one class index for every row.
    """
    _check(variants, split)
    names = variants["baseline"].manifest.labels
    kept = {name: _indices(name, given, split, len(names)) for name, given in answers.items()}
    champion = variants.get("champion")
    with fresh_folder(target) as draft:
        path = draft / PREDICTIONS_FILE
        labels = np.asarray(split.labels, dtype=np.int32)
        Predictions(labels=labels, slices=split.slices, **kept).save(path)
        progress.step("comparing the answers")
        # What was written is what the gate reads, so the figures are computed from that.
        predictions = Predictions.load(path)
        comparison = compare(
            predictions, names, champion_digest=None if champion is None else champion.digest
        )
        evaluation = Evaluation(
            **comparison.figures(),
            baseline_digest=variants["baseline"].digest,
            candidate_digest=variants["candidate"].digest,
            dataset_sha256=split.info.rows_sha256,
            overlap_with_train=split.info.overlap_with_train,
            predictions_sha256=file_sha256(path),
            flips=_flips(predictions, split.texts, names),
            seconds=seconds,
        )
        evaluation.save(draft / EVALUATION_FILE)
    return evaluation


def _indices(
    name: str, given: NDArray[np.int32], split: SplitFolder, classes: int
) -> NDArray[np.int32]:
    found = np.asarray(given)
    whole = found.shape == (len(split.texts),) and np.issubdtype(found.dtype, np.integer)
    if not whole or found.min() < 0 or found.max() >= classes:
        raise LeanstageError(
            f"the answers of the {name} are not one class index from 0 to {classes - 1} for each "
            f"of {len(split.texts)} rows; the evaluation is worth nothing."
        )
    return found.astype(np.int32)


def _check(variants: Mapping[str, Variant], split: SplitFolder) -> None:
    if not split.labels:
        raise InputError(f"{split.info.source} holds no labelled rows; give some to evaluate on.")
    expected = variants["baseline"].manifest.labels
    known = {f"the {name}": variant.manifest.labels for name, variant in variants.items()}
    known["the evaluation split"] = split.info.labels
    for name, labels in known.items():
        if labels != expected:
            raise LeanstageError(
                f"{name} has the labels {_few(labels)}, the baseline {_few(expected)}; models can "
                "be compared only on the same labels in the same order."
            )


def _few(labels: Sequence[str]) -> str:
    return ", ".join(labels[:8]) + (" ..." if len(labels) > 8 else "")


def _answers(
    name: str, variant: Variant, texts: Sequence[str], batch_size: int
) -> NDArray[np.int32]:
    """The class indices that a variant answers, shape (texts,)."""
    predictor = load_predictor(variant.path)
    classes = len(variant.manifest.labels)
    answers = np.empty(len(texts), dtype=np.int32)
    broken = 0
    for start in range(0, len(texts), batch_size):
        batch = texts[start : start + batch_size]
        given = predictor.predict(batch)
        if given.shape != (len(batch), classes):
            raise LeanstageError(
                f"the {name} gave answers of shape {given.shape} to {len(batch)} rows of "
                f"{classes} classes; the evaluation is worth nothing."
            )
        broken += int((~np.isfinite(given)).any(axis=1).sum())
        answers[start : start + len(batch)] = given.argmax(axis=1)
        if start // batch_size % 50 == 0:
            progress.step(f"the {name} answers the evaluation rows", start / len(texts))
    if broken:
        raise LeanstageError(
            f"the {name} answered {broken} rows with NaN; the evaluation is worth nothing."
        )
    return answers


def _flips(
    predictions: Predictions, texts: Sequence[str], names: Sequence[str]
) -> tuple[Flip, ...]:
    labels, expected, given = predictions.labels, predictions.baseline, predictions.candidate
    rows = np.flatnonzero(expected != given)[:FLIPS_SHOWN]
    return tuple(
        Flip(
            row=int(row),
            text=texts[row],
            label=names[labels[row]],
            baseline=names[expected[row]],
            candidate=names[given[row]],
        )
        for row in rows
    )
