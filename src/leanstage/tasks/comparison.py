"""The figures that follow from the answers, by one function for whoever states or checks them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from leanstage.contracts import (
    ChampionComparison,
    ClassFigures,
    MacroF1,
    PairedCounts,
    Perplexity,
    SliceCounts,
)
from leanstage.errors import InputError
from leanstage.tasks.comparison_texts import of_texts
from leanstage.tasks.predictions import LABEL, Predictions
from leanstage.tasks.slices import slice_counts
from leanstage.variant.bootstrap import (
    bootstrap_macro_f1_differences,
    macro_f1,
    percentile_interval,
)
from leanstage.variant.statistics import mcnemar_exact, paired_counts, tango_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFUSION_CLASSES = 50
"""Most classes of which a confusion matrix is kept: 1,000 would fill a report with zeros."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What follows from the answers; but for the last, fields of :class:`Evaluation`.

    Attributes:
        resampled: of the macro-F1 the differences, of the perplexity the ratios; bootstrapped,
            ascending, shape (resamples,), for a bound at any confidence.
    """

    metric: Literal["accuracy", "exact_match"]
    n: int
    baseline: float
    candidate: float
    difference: float
    ci95: tuple[float, float]
    counts: PairedCounts
    mcnemar_p: float
    agreement: float
    macro_f1: MacroF1 | None
    perplexity: Perplexity | None
    champion: ChampionComparison | None
    slices: tuple[SliceCounts, ...]
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    resampled: "NDArray[np.float64]"

    def figures(self) -> dict[str, Any]:
        """The fields that an :class:`Evaluation` has as well, by name."""
        return {name: value for name, value in vars(self).items() if name != "resampled"}


def compare(
    predictions: Predictions, labels: Sequence[str], *, champion_digest: str | None = None
) -> Comparison:
    """Compute every figure of an evaluation from the answers.

    Slices are those by the true class, then those by each further column, sorted by name. The
    intervals of macro-F1 and perplexity are drawn with a fixed seed; the same answers give the same
    figures.

    Args:
        labels: names of the classes; none where the answers are texts.
        champion_digest: content digest (hex) of the champion; None where none answered.

    Raises:
        InputError: no rows, columns of different lengths, a class that the labels lack, or a
            champion's answers without its digest or the other way round.
    """
    _check(predictions, labels, champion_digest)
    truth, first, second = predictions.labels, predictions.baseline, predictions.candidate
    counts = paired_counts(truth, first, second)
    written = predictions.written
    figures = of_texts(predictions, written) if written else _of_classes(predictions, labels)
    return Comparison(
        n=counts.n,
        baseline=(counts.both_right + counts.baseline_only) / counts.n,
        candidate=(counts.both_right + counts.candidate_only) / counts.n,
        difference=(counts.candidate_only - counts.baseline_only) / counts.n,
        ci95=tango_interval(counts, 0.95),
        counts=counts,
        mcnemar_p=mcnemar_exact(counts),
        agreement=float((first == second).mean()),
        champion=_champion(predictions, champion_digest),
        **figures,
    )


def _check(predictions: Predictions, labels: Sequence[str], champion_digest: str | None) -> None:
    if (predictions.champion is None) != (champion_digest is None):
        raise InputError(
            "the answers of the champion and its digest come together; one of them is missing."
        )
    written = predictions.written
    if (written is None) != bool(labels):
        raise InputError(
            f"the answers are {'classes' if written is None else 'texts'}, which is not what the "
            "models answer with."
        )
    answered = len(labels) if written is None else len(written.texts)
    columns = [(LABEL, predictions.labels, answered)]
    for name in ("baseline", "candidate", "champion"):
        answers = getattr(predictions, name)
        if answers is not None:
            columns.append((name, answers, answered))
    for name, division in predictions.slices.items():
        columns.append((name, division.codes, len(division.values)))
    rows = len(predictions.labels)
    for name, values, limit in columns:
        if values.shape != (rows,) or not rows:
            raise InputError(
                f"the answers cannot be counted: their column {name!r} has the shape "
                f"{values.shape}, beside {rows:,} true classes."
            )
        if values.min() < 0 or values.max() >= limit:
            raise InputError(
                f"the answers cannot be counted: their column {name!r} holds indices outside 0 to "
                f"{limit - 1}."
            )


def _of_classes(predictions: Predictions, labels: Sequence[str]) -> dict[str, Any]:
    """What is known of answers that are classes."""
    truth, first, second = predictions.labels, predictions.baseline, predictions.candidate
    differences = bootstrap_macro_f1_differences(truth, first, second, len(labels))
    return {
        "metric": "accuracy",
        "macro_f1": _macro_f1(predictions, len(labels), differences),
        "perplexity": None,
        "slices": slice_counts(predictions, labels, (LABEL, *sorted(predictions.slices))),
        "classes": _classes(predictions, labels),
        "confusion": _confusion(predictions, len(labels)),
        "resampled": differences,
    }


def _macro_f1(
    predictions: Predictions, classes: int, differences: "NDArray[np.float64]"
) -> MacroF1:
    before = macro_f1(predictions.labels, predictions.baseline, classes)
    after = macro_f1(predictions.labels, predictions.candidate, classes)
    return MacroF1(
        baseline=before,
        candidate=after,
        difference=after - before,
        ci95=percentile_interval(differences),
    )


def _champion(predictions: Predictions, digest: str | None) -> ChampionComparison | None:
    if predictions.champion is None or digest is None:
        return None
    counts = paired_counts(predictions.labels, predictions.champion, predictions.candidate)
    return ChampionComparison(
        digest=digest, accuracy=(counts.both_right + counts.baseline_only) / counts.n, counts=counts
    )


def _classes(predictions: Predictions, labels: Sequence[str]) -> tuple[ClassFigures, ...]:
    import numpy as np

    truth = predictions.labels
    rows, before, after = (
        np.bincount(values, minlength=len(labels)).tolist()
        for values in (
            truth,
            truth[predictions.baseline == truth],
            truth[predictions.candidate == truth],
        )
    )
    return tuple(
        ClassFigures(
            label=name,
            n=n,
            baseline_recall=kept / n if n else None,
            candidate_recall=kept_after / n if n else None,
        )
        for name, n, kept, kept_after in zip(labels, rows, before, after, strict=True)
    )


def _confusion(predictions: Predictions, classes: int) -> tuple[tuple[int, ...], ...]:
    import numpy as np

    if classes > CONFUSION_CLASSES:
        return ()
    cells = np.bincount(
        predictions.labels * classes + predictions.candidate, minlength=classes * classes
    )
    return tuple(tuple(row) for row in cells.reshape(classes, classes).tolist())
