"""Do the stated figures follow from the answers? Every one is computed again, row by row."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from leanstage.contracts import Evaluation, ModelPolicy, Reason
from leanstage.errors import InputError
from leanstage.gate.evidence import Candidate
from leanstage.gate.words import NAME, objection
from leanstage.tasks import LABEL, Comparison, Predictions, Slicing, compare
from leanstage.tasks.written import Written

_SAME = 1e-9
_SAME_INTERVAL = 1e-6

_FIGURE = {
    "n": "the number of rows",
    "baseline": "the accuracy of the baseline",
    "candidate": "the accuracy of the candidate",
    "difference": "the difference",
    "ci95": "the 95% interval",
    "mcnemar_p": "the p-value of the McNemar test",
    "agreement": "the agreement",
}
_TABLE = {
    "counts": "other paired counts",
    "metric": "another metric",
    "macro_f1": "another macro F1",
    "perplexity": "another perplexity",
    "champion": "another comparison with the champion",
    "slices": "other slices",
    "classes": "other classes",
    "confusion": "another confusion matrix",
}
_AGAIN = "Evaluate again with unchanged data and models, then decide again."


def count_again(
    candidate: Candidate, policy: ModelPolicy
) -> tuple[Comparison | None, list[Reason]]:
    """Compute the figures from the answers and hold the evaluation against them.

    Args:
        candidate: with its documents validated again; None in it was reported before.

    Returns:
        The figures, None where nothing can be computed, and the objections: ``evidence.missing``
        for a column that the policy divides the rows by, else ``evidence.anomalous``.
    """
    predictions, evaluation = candidate.predictions, candidate.evaluation
    if predictions is None or evaluation is None or candidate.manifest is None:
        return None, []
    reason = objection(candidate.role)
    name = NAME[candidate.role]
    labels = candidate.manifest.labels
    written = predictions.written
    champion = evaluation.champion
    flaw = next(_flaws(predictions), None)
    try:
        if flaw is not None:
            raise InputError(f"the answers cannot be counted: {flaw}.")
        figures = compare(
            predictions, labels, champion_digest=None if champion is None else champion.digest
        )
    except InputError as error:
        return None, [reason("evidence.anomalous", f"For {name}, {error}", _AGAIN)]
    reasons = [
        reason(
            "evidence.anomalous",
            f"The evaluation of {name} contradicts its answers: {text}.",
            _AGAIN,
        )
        for text in (
            *_contradictions(evaluation, figures),
            *_flips(evaluation, predictions, labels if written is None else written.texts),
        )
    ]
    lacking = [column for column in policy.slices if column not in (LABEL, *predictions.slices)]
    if lacking:
        text = f"The answers of {name} lack {', '.join(lacking)}, by which the policy slices."
        remedy = "Evaluate on rows with these columns, then decide again."
        reasons.append(reason("evidence.missing", text, remedy))
    return figures, reasons


def _flaws(predictions: Predictions) -> Iterator[str]:
    """What keeps these from being columns of indices; their length and range are seen later."""
    columns: dict[str, Any] = {
        "the true classes": predictions.labels,
        "the answers of the baseline": predictions.baseline,
        "the answers of the candidate": predictions.candidate,
    }
    if predictions.champion is not None:
        columns["the answers of the champion"] = predictions.champion
    written = predictions.written
    if written is not None:
        if not isinstance(written, Written) or not _distinct(written.texts):
            yield "what they index is no texts, or holds one twice"
            return
        columns["the numbers of tokens"] = written.tokens
        for name in ("baseline", "candidate"):
            if not _numbers(getattr(written, name)):
                yield f"the log-probabilities of the {name} are no column of 64-bit floats"
                return
    if not isinstance(predictions.slices, Mapping) or LABEL in predictions.slices:
        yield "their slices are none, or repeat the true class"
        return
    for name, slicing in predictions.slices.items():
        if not isinstance(slicing, Slicing) or not _distinct(slicing.values):
            yield f"the values of the slices by {name} are no texts, or stand twice"
            return
        columns[f"the slices by {name}"] = slicing.codes
    for name, column in columns.items():
        if not _integers(column):
            yield f"{name} are no column of 32-bit integers"


def _integers(column: Any) -> bool:
    import numpy as np

    return isinstance(column, np.ndarray) and column.ndim == 1 and column.dtype == np.int32


def _numbers(column: Any) -> bool:
    import numpy as np

    return isinstance(column, np.ndarray) and column.ndim == 1 and column.dtype == np.float64


def _distinct(values: Any) -> bool:
    texts = isinstance(values, tuple) and all(isinstance(value, str) for value in values)
    return texts and len(set(values)) == len(values)


def _contradictions(evaluation: Evaluation, figures: Comparison) -> Iterator[str]:
    """What is stated otherwise than the answers give it, each as a clause."""
    for field, computed in figures.figures().items():
        stated = getattr(evaluation, field)
        if _agree(stated, computed, field):
            continue
        if field in _FIGURE:
            yield f"{_FIGURE[field]} is stated as {_shown(stated)}, they give {_shown(computed)}"
        else:
            yield f"it states {_TABLE.get(field, f'another {field}')} than they give"


def _agree(stated: Any, computed: Any, field: str) -> bool:
    if isinstance(computed, BaseModel):
        return type(stated) is type(computed) and all(
            _agree(getattr(stated, name), getattr(computed, name), name)
            for name in type(computed).model_fields
        )
    if isinstance(computed, tuple):
        return (
            isinstance(stated, tuple)
            and len(stated) == len(computed)
            and all(_agree(one, other, field) for one, other in zip(stated, computed, strict=True))
        )
    if isinstance(computed, float) and isinstance(stated, float):
        return abs(stated - computed) <= (_SAME_INTERVAL if field == "ci95" else _SAME)
    return bool(stated == computed)


def _flips(
    evaluation: Evaluation, predictions: Predictions, labels: Sequence[str]
) -> Iterator[str]:
    """The rows shown are the first that are answered differently, and are shown as they are."""
    import numpy as np

    shown = evaluation.flips
    rows = np.flatnonzero(predictions.baseline != predictions.candidate)[: len(shown)].tolist()
    answers = [
        (
            row,
            labels[predictions.labels[row]],
            labels[predictions.baseline[row]],
            labels[predictions.candidate[row]],
        )
        for row in rows
    ]
    if answers != [(flip.row, flip.label, flip.baseline, flip.candidate) for flip in shown]:
        yield "the rows it shows are not the first that are answered differently"


def _shown(figure: Any) -> str:
    if isinstance(figure, tuple):
        return " to ".join(map(_shown, figure))
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:.6g}"
