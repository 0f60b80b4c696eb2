"""Both models answer every evaluation row; what differs is counted row by row."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leanstage import progress
from leanstage.contracts import ClassFigures, Evaluation, Flip
from leanstage.errors import LeanstageError
from leanstage.tasks import SplitFolder
from leanstage.variant import Variant, load_predictor
from leanstage.variant.statistics import paired_counts, tango_interval

FLIPS_SHOWN = 20


def evaluate(
    baseline: Variant, candidate: Variant, split: SplitFolder, *, batch_size: int
) -> Evaluation:
    """Compare two variants on a labelled split.

    Rows are answered in their own order in batches of ``batch_size``, as production would send
    them: with dynamic quantization the batch is part of the answer.

    Raises:
        LeanstageError: a model answers with something that is not a probability.
    """
    started = time.monotonic()
    labels = np.asarray(split.labels)
    expected = _answers("baseline", baseline, split.texts, batch_size).argmax(axis=1)
    given = _answers("candidate", candidate, split.texts, batch_size).argmax(axis=1)
    counts = paired_counts(labels, expected, given)
    names = baseline.manifest.labels
    return Evaluation(
        n=len(labels),
        baseline=float((expected == labels).mean()),
        candidate=float((given == labels).mean()),
        difference=(counts.candidate_only - counts.baseline_only) / counts.n,
        ci95=tango_interval(counts, 0.95),
        counts=counts,
        agreement=float((expected == given).mean()),
        baseline_digest=baseline.digest,
        candidate_digest=candidate.digest,
        dataset_sha256=split.info.rows_sha256,
        overlap_with_train=split.info.overlap_with_train,
        classes=_classes(labels, expected, given, names),
        confusion=_confusion(labels, given, len(names)),
        flips=_flips(split.texts, labels, expected, given, names),
        seconds=time.monotonic() - started,
    )


def _answers(
    name: str, variant: Variant, texts: Sequence[str], batch_size: int
) -> NDArray[np.float32]:
    predictor = load_predictor(variant.path)
    parts = []
    for start in range(0, len(texts), batch_size):
        parts.append(predictor.predict(texts[start : start + batch_size]))
        if start // batch_size % 50 == 0:
            progress.step(f"the {name} answers the evaluation rows", start / len(texts))
    answers = np.concatenate(parts)
    if answers.shape != (len(texts), len(variant.manifest.labels)):
        raise LeanstageError(
            f"the {name} gave answers of shape {answers.shape} to {len(texts)} rows of "
            f"{len(variant.manifest.labels)} classes; the evaluation is worth nothing."
        )
    if not np.isfinite(answers).all():
        raise LeanstageError(
            f"the {name} answered {int((~np.isfinite(answers)).any(axis=1).sum())} rows with NaN; "
            "the evaluation is worth nothing."
        )
    return answers


def _classes(
    labels: NDArray[Any], expected: NDArray[Any], given: NDArray[Any], names: Sequence[str]
) -> tuple[ClassFigures, ...]:
    figures = []
    for index, name in enumerate(names):
        rows = labels == index
        n = int(rows.sum())
        figures.append(
            ClassFigures(
                label=name,
                n=n,
                baseline_recall=float((expected[rows] == index).mean()) if n else None,
                candidate_recall=float((given[rows] == index).mean()) if n else None,
            )
        )
    return tuple(figures)


def _confusion(
    labels: NDArray[Any], given: NDArray[Any], classes: int
) -> tuple[tuple[int, ...], ...]:
    table = np.zeros((classes, classes), dtype=int)
    np.add.at(table, (labels, given), 1)
    return tuple(tuple(int(cell) for cell in row) for row in table)


def _flips(
    texts: Sequence[str],
    labels: NDArray[Any],
    expected: NDArray[Any],
    given: NDArray[Any],
    names: Sequence[str],
) -> tuple[Flip, ...]:
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
