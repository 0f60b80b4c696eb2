"""Does the candidate keep what it may not lose? Its drop and the bound of it against the limits."""

import math
from dataclasses import dataclass

from leanstage.contracts import ModelPolicy, PairedCounts, Reason, Role
from leanstage.gate.limits import GUARD
from leanstage.gate.words import (
    METRIC,
    NAME,
    amount,
    changed,
    judged_by,
    objection,
    percent,
    worst,
)
from leanstage.tasks import Comparison
from leanstage.variant.bootstrap import bootstrap_upper_drop, macro_f1_upper_drop
from leanstage.variant.perplexity import upper_increase
from leanstage.variant.statistics import rows_needed, tango_upper_drop

FEWEST_OF_A_CLASS = 30
"""Rows, of a class for macro-F1, below which a bootstrap covers less than it says."""


@dataclass(frozen=True)
class Loss:
    """What a candidate loses against another model on the same rows.

    Attributes:
        drop: of the metric, the other model minus the candidate.
        bound: one-sided upper bound of the drop.
        rows_needed: rows at which the bound of this drop would be within the margin; None where
            it never is.
    """

    n: int
    drop: float
    bound: float
    rows_needed: int | None


def accuracy_loss(counts: PairedCounts, margin: float, confidence: float) -> Loss:
    """The loss of accuracy, bounded by Tango's score method.

    Raises:
        ValueError: no rows, or a margin or confidence out of range.
    """
    return Loss(
        counts.n,
        counts.drop,
        tango_upper_drop(counts, confidence),
        rows_needed(counts, margin, confidence),
    )


def metric_loss(figures: Comparison, policy: ModelPolicy, confidence: float) -> Loss | None:
    """The loss of the metric of the policy against the baseline; None where the task has none such.

    Of perplexity it is the increase as a share of the baseline's. For macro F1 both bounds that
    :func:`macro_f1_upper_drop` takes the larger of have to come within the margin. The bootstrap's
    distance from the drop falls with the square root of the rows, as a standard error does.
    """
    in_accuracy = accuracy_loss(figures.counts, policy.margin, confidence)
    if policy.metric in ("accuracy", figures.metric):
        return in_accuracy
    resampled = figures.resampled
    if policy.metric == "macro_f1" and figures.macro_f1 is not None:
        drop, needed = 0.0 - figures.macro_f1.difference, in_accuracy.rows_needed
        reach = bootstrap_upper_drop(resampled, confidence) - drop
        bound = macro_f1_upper_drop(figures.counts, resampled, confidence)
    elif policy.metric == "perplexity" and figures.perplexity is not None:
        drop, needed = figures.perplexity.ratio - 1.0, 1
        bound = upper_increase(resampled, confidence)
        reach = bound - drop
    else:
        return None
    room = policy.margin - drop
    if needed is None or room <= 0.0:
        return Loss(figures.n, drop, bound, None)
    return Loss(figures.n, drop, bound, max(needed, math.ceil(figures.n * (reach / room) ** 2)))


def accuracy_problems(
    role: Role, figures: Comparison, loss: Loss | None, policy: ModelPolicy, confidence: float
) -> list[Reason]:
    """Objections to the loss of the metric of the policy.

    Args:
        loss: against the baseline; None where the answers do not have the metric.
        confidence: one-sided, of the bound; the policy's, divided over candidates.
    """
    reason = objection(role)
    name, metric = NAME[role], judged_by(policy.metric, figures.metric)
    if loss is None:
        text = f"The answers of {name} have no {METRIC[metric]}, which the policy judges by."
        remedy = f"Judge by {METRIC[figures.metric]} in the policy, then run again."
        return [reason("evidence.missing", text, remedy)]
    reasons = []
    if loss.n < policy.min_n:
        reasons.append(
            reason(
                "accuracy.too_few",
                f"{name} was evaluated on {loss.n:,} rows; the policy asks for {policy.min_n:,}.",
                f"Evaluate on at least {policy.min_n:,} rows.",
            )
        )
    if not loss.drop <= policy.tolerance + GUARD:
        reasons.append(
            reason(
                "accuracy.drop",
                f"{name} {changed(loss.drop, metric)} on {loss.n:,} rows; the policy accepts "
                f"{amount(policy.tolerance, metric)}.",
                "Compress less, or give the student more training text.",
            )
        )
    if not loss.bound <= policy.margin + GUARD:
        reasons.append(
            reason(
                "accuracy.uncertain",
                f"On {loss.n:,} rows {name} may {worst(loss.bound, metric)} at "
                f"{percent(confidence)} confidence; the policy accepts "
                f"{amount(policy.margin, metric)}.",
                more_rows(loss),
            )
        )
    return reasons


def few_rows(role: Role, figures: Comparison, policy: ModelPolicy) -> list[Reason]:
    """The objection to too few rows, of a class or at all, for what is bootstrapped over them."""
    if policy.metric == "perplexity" and figures.n < FEWEST_OF_A_CLASS:
        text = f"For {NAME[role]}, perplexity rests on too few rows: {figures.n:,}."
        remedy = f"Evaluate on at least {FEWEST_OF_A_CLASS:,} rows."
        return [objection(role)("accuracy.too_few", text, remedy)]
    if policy.metric != "macro_f1":
        return []
    rare = [one for one in figures.classes if 0 < one.n < FEWEST_OF_A_CLASS]
    if not rare:
        return []
    fewest = min(rare, key=lambda one: one.n)
    more = f", and {len(rare) - 1:,} more are as rare" if len(rare) > 1 else ""
    text = (
        f"For {NAME[role]}, {METRIC[policy.metric]} rests on too few rows of a class: "
        f"{fewest.label} is the true class of {fewest.n:,}{more}."
    )
    remedy = f"Evaluate on at least {FEWEST_OF_A_CLASS:,} rows of every class."
    return [objection(role)("accuracy.too_few", text, remedy)]


def more_rows(loss: Loss) -> str:
    """What to do about a bound beyond the margin."""
    if loss.rows_needed is None:
        return (
            "Compress less: the measured loss is at least the margin, so that more rows would not "
            "help."
        )
    return f"Evaluate on at least {loss.rows_needed:,} rows."
