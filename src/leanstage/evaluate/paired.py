"""All models answer every evaluation row; what differs is counted row by row."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leanstage import progress
from leanstage.contracts import Evaluation, Flip
from leanstage.errors import InputError, LeanstageError
from leanstage.evaluate.production import answer_sample, check_sample
from leanstage.evaluate.written import WrittenAnswers, written_answers, written_predictions
from leanstage.serving.endpoint import open_predictor
from leanstage.tasks import (
    EVALUATION_FILE,
    PREDICTIONS_FILE,
    Predictions,
    SplitFolder,
    compare,
)
from leanstage.tasks.production import SampleAnswers
from leanstage.variant import Variant, file_sha256, fresh_folder

FLIPS_SHOWN = 20

Answers = NDArray[np.int32] | WrittenAnswers
"""What one model answers to all rows: class indices, or texts with what the reference is to it."""


def evaluate(
    baseline: Variant,
    candidate: Variant,
    split: SplitFolder,
    *,
    batch_size: int,
    target: Path,
    champion: Variant | None = None,
    production: SplitFolder | None = None,
    train: SplitFolder | None = None,
) -> Evaluation:
    """Compare two variants, and the candidate with the champion, on a split with true answers.

    Rows are answered in their own order in batches of ``batch_size``, as production would send
    them: with dynamic quantization the batch is part of the answer. Variants of one digest answer
    once.

    Args:
        target: folder that comes to hold the figures (``evaluation.json``) and the answers that
            they follow from (``predictions.parquet``), both or neither.
        champion: what serves at present; None where nothing does.
        production: a sample of what production asks, on which the two variants should agree.
        train: rows that the sample is told from, beside those of ``split``.

    Raises:
        InputError: the split has no rows with an answer.
        LeanstageError: a model answers with something that is not a probability, or has other
            labels than the rows or the baseline.
    """
    started = time.monotonic()
    variants = {"baseline": baseline, "candidate": candidate}
    if champion is not None:
        variants["champion"] = champion
    _check(variants, split)
    by_digest: dict[str, Answers] = {}
    for name, variant in variants.items():
        if variant.digest not in by_digest:
            ask = _answers if split.labels else written_answers
            by_digest[variant.digest] = ask(name, variant, split, batch_size)
    answers = {name: by_digest[variant.digest] for name, variant in variants.items()}
    sample = None
    if production is not None and production.texts:
        sample = answer_sample(
            baseline,
            candidate,
            production,
            evaluation=split,
            train=train,
            batch_size=batch_size,
            ask=_answers,
        )
    seconds = time.monotonic() - started
    return record(
        answers, variants, split, target=target, seconds=seconds, sample=sample, asked=production
    )


def record(
    answers: Mapping[str, Answers],
    variants: Mapping[str, Variant],
    split: SplitFolder,
    *,
    target: Path,
    seconds: float = 0.0,
    sample: SampleAnswers | None = None,
    asked: SplitFolder | None = None,
) -> Evaluation:
    """Write the answers of the compared models and every figure that follows from them.

    For an evaluation of your own, which asks the models in its own way: the gate counts again from
    the answers, so figures without them are worth nothing.

    Args:
        answers: class indices of shape (rows,), or what was written, in the order of ``split``, by
            ``baseline``, ``candidate`` and, where one serves, ``champion``.
        variants: who answered, by the same names.
        target: folder that comes to hold figures and answers, both or neither.
        seconds: that the models took to answer.
        sample: answers to a sample of production, and ``asked`` that sample; both or neither.

    Raises:
        InputError: the split has no rows with an answer.
        LeanstageError: labels differ, or the answers are not one for every row.
    """
    _check(variants, split)
    names = variants["baseline"].manifest.labels
    champion = variants.get("champion")
    with fresh_folder(target) as draft:
        path = draft / PREDICTIONS_FILE
        _predictions(answers, split, len(names)).save(path)
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
            flips=_flips(
                predictions,
                split.texts,
                names if predictions.written is None else predictions.written.texts,
            ),
            production=None if not (sample and asked) else check_sample(sample, asked, draft),
            seconds=seconds,
        )
        evaluation.save(draft / EVALUATION_FILE)
    return evaluation


def _predictions(answers: Mapping[str, Answers], split: SplitFolder, classes: int) -> Predictions:
    texts = {name: given for name, given in answers.items() if isinstance(given, WrittenAnswers)}
    if not split.labels and len(texts) == len(answers):
        return written_predictions(texts, split)
    return Predictions(
        labels=np.asarray(split.labels, dtype=np.int32),
        slices=split.slices,
        **{name: _indices(name, given, split, classes) for name, given in answers.items()},  # type: ignore[arg-type]
    )


def _indices(name: str, given: Answers, split: SplitFolder, classes: int) -> NDArray[np.int32]:
    found = np.asarray(given)
    whole = found.shape == (len(split.texts),) and np.issubdtype(found.dtype, np.integer)
    if not whole or found.min() < 0 or found.max() >= classes:
        raise LeanstageError(
            f"the answers of the {name} are not one class index from 0 to {classes - 1} for each "
            f"of {len(split.texts)} rows; the evaluation is worth nothing."
        )
    return found.astype(np.int32)


def _check(variants: Mapping[str, Variant], split: SplitFolder) -> None:
    if not (split.labels or split.completions):
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


def _answers(name: str, variant: Variant, split: SplitFolder, batch_size: int) -> NDArray[np.int32]:
    """The class indices that a variant answers, shape (rows,)."""
    texts = split.texts
    predictor = open_predictor(variant.path, name)
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
