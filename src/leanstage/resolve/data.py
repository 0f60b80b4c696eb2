"""The data of a run: read, checked for leaks, split where the user brought no validation rows."""

from dataclasses import dataclass

from leanstage import progress
from leanstage.contracts import DatasetInfo, ModelPolicy, Split
from leanstage.errors import InputError
from leanstage.resolve.request import Request
from leanstage.tasks import LABEL, Examples
from leanstage.tasks.splits import (
    apart,
    check_training,
    hold_out,
    overlap,
    read_labelled,
    read_unlabelled,
)

SEED = 20
EVALUATION_SHARE = 1 / 3
"""Share of the evaluation rows to choose settings on where the user brings no validation rows."""
TRAIN_SHARE = 0.12
"""Share of the training rows for the same, where the gate needs every evaluation row."""


@dataclass(frozen=True)
class Splits:
    """The four splits, in memory."""

    train: Examples
    validation: Examples
    evaluation: Examples
    unlabelled: Examples


def read_splits(request: Request, labels: tuple[str, ...], policy: ModelPolicy) -> Splits:
    """Read every split that a run names, and check each against the evaluation rows.

    Text without labels that is a validation row as well is left out.

    Raises:
        InputError: data that cannot be used, evaluation rows that stand elsewhere too, validation
            rows that are trained on, or a policy on a metric that such answers do not have.
    """
    _require_metric(labels, policy)
    evaluation = read_labelled(
        request.evaluation, labels, split="evaluation", columns=slice_columns(policy)
    )
    train = read_labelled(request.train, labels, split="train")
    check_training(train, labels)
    if request.validation:
        validation = read_labelled(request.validation, labels, split="validation")
    elif _can_spare(evaluation, policy):
        # The model has not seen these rows, as it may have seen any training row.
        evaluation, validation = hold_out(evaluation, share=EVALUATION_SHARE, seed=SEED)
    else:
        train, validation = hold_out(train, share=TRAIN_SHARE, seed=SEED)
        progress.step(
            "validation rows are held out of the training data; if the model was trained on them, "
            "every technique will look worse than it is: pass validation rows"
        )
    if not len(validation):
        raise InputError(
            f"too few rows of {validation.source} stand once to hold some out for validation; pass "
            "a validation split."
        )
    where = f"the training split {train.source}"
    leaked_rows(validation, train, where, policy, split="validation")
    leaked_rows(evaluation, validation, "the validation rows, on which settings are chosen", policy)
    unlabelled = (
        read_unlabelled(request.unlabelled) if request.unlabelled else Examples([], [], "none")
    )
    leaked_rows(evaluation, unlabelled, f"the unlabelled text {unlabelled.source}", policy)
    return Splits(train, validation, evaluation, without(unlabelled, validation))


def _require_metric(labels: tuple[str, ...], policy: ModelPolicy) -> None:
    """The gate would block what was judged by nothing; here nothing was trained yet."""
    asked = policy.metric
    if labels and asked in ("exact_match", "perplexity"):
        kind, known = "classifies", "accuracy or macro_f1"
    elif not labels and asked == "macro_f1":
        kind, known = "generates text", "exact_match or perplexity"
    else:
        return
    raise InputError(
        f"the policy {policy.name!r} judges by {asked}, which the answers of a model that {kind} "
        f"do not have; judge by {known}."
    )


def leaked_rows(
    held_out: Examples,
    other: Examples,
    where: str,
    policy: ModelPolicy,
    *,
    split: Split = "evaluation",
) -> int:
    """Rows held out that also stand elsewhere in the run; refused unless the policy allows it."""
    leaked = overlap(held_out, other)
    if leaked and not policy.allow_overlap:
        raise InputError(
            f"{leaked} of {len(held_out)} {split} rows in {held_out.source} also stand in "
            f"{where}; remove them, or accept them with allow_overlap in the policy."
        )
    return leaked


def without(unlabelled: Examples, validation: Examples) -> Examples:
    """The text on which no setting is chosen: what was learnt by heart would look as good as new.

    Args:
        unlabelled: text to learn from, of which one file often holds all there is.
    """
    kept = apart(unlabelled, validation)
    if len(kept) == len(unlabelled):
        return unlabelled
    progress.step(
        f"{len(unlabelled) - len(kept):,} of {len(unlabelled):,} rows of {unlabelled.source} are "
        "validation rows as well, and not learnt from"
    )
    return Examples(kept, [], unlabelled.source)


def _can_spare(evaluation: Examples, policy: ModelPolicy) -> bool:
    """Whether the gate can do with fewer rows: never where the policy pins them."""
    left = len(evaluation) * (1 - EVALUATION_SHARE)
    return policy.evaluation_sha256 is None and left >= 3 * policy.min_n


def slice_columns(policy: ModelPolicy) -> tuple[str, ...]:
    """Columns to read beside text and label; the label is a slice of its own."""
    return tuple(name for name in policy.slices if name != LABEL)


def require_named_rows(info: DatasetInfo, policy: ModelPolicy) -> None:
    """Refuse evaluation rows other than those that the policy names.

    Raises:
        InputError: their hash differs.
    """
    expected = policy.evaluation_sha256
    if expected is not None and info.rows_sha256 != expected:
        raise InputError(
            f"{info.source} is not the evaluation data of the policy {policy.name!r}: its rows "
            f"hash to {info.rows_sha256}, the policy names {expected} (policy.untrusted)."
        )
