"""Is the comparison within policy? Accuracy, energy, latency and size against their limits."""

import math

from leanstage.contracts import EnergyComparison, ModelPolicy, PairedCounts, Ratio, Reason
from leanstage.gate.evidence import Candidate
from leanstage.gate.words import NAME, objection, percent, points, span
from leanstage.variant.statistics import rows_needed, tango_upper_drop

GUARD = 1e-12
"""Keeps rounding from deciding a figure that stands exactly at its limit."""

_MOST_BLOCKS = 1000
"""A longer measurement than this is no advice."""


def limit_problems(candidate: Candidate, policy: ModelPolicy, confidence: float) -> list[Reason]:
    """Objections to the figures of a candidate whose documents were validated again.

    Args:
        candidate: parts of it that are None were reported before.
        confidence: one-sided, of the bound of the drop; the policy's, divided over candidates.
    """
    reasons = []
    if candidate.evaluation is not None:
        reasons += _accuracy(candidate, candidate.evaluation.counts, policy, confidence)
    if candidate.energy is not None:
        reasons += _saving(candidate, candidate.energy, policy)
        reasons += _latency(candidate, candidate.energy, policy)
    if candidate.manifest is not None and policy.max_bytes is not None:
        size = candidate.manifest.bytes
        if not size <= policy.max_bytes:
            reasons.append(
                objection(candidate.role)(
                    "size.limit",
                    f"{NAME[candidate.role]} has {size:,} bytes; the policy accepts "
                    f"{policy.max_bytes:,}.",
                    "Prune or quantize further.",
                )
            )
    return reasons


def reference_ratio(energy: EnergyComparison, policy: ModelPolicy) -> Ratio:
    """The ratio that the policy holds savings against."""
    return energy.strongest if policy.reference == "strongest" else energy.registered


def reference_name(policy: ModelPolicy) -> str:
    """What savings are held against, in words."""
    if policy.reference == "strongest":
        return "the strongest unoptimized form of the baseline"
    return "the baseline as registered"


def _accuracy(
    candidate: Candidate, counts: PairedCounts, policy: ModelPolicy, confidence: float
) -> list[Reason]:
    if counts.n == 0:
        return []
    reason = objection(candidate.role)
    name = NAME[candidate.role]
    reasons = []
    if counts.n < policy.min_n:
        reasons.append(
            reason(
                "accuracy.too_few",
                f"{name} was evaluated on {counts.n:,} rows; the policy asks for {policy.min_n:,}.",
                f"Evaluate on at least {policy.min_n:,} rows.",
            )
        )
    if not counts.drop <= policy.tolerance + GUARD:
        reasons.append(
            reason(
                "accuracy.drop",
                f"{name} loses {points(counts.drop)} of accuracy on {counts.n:,} rows; the policy "
                f"accepts {points(policy.tolerance)}.",
                "Compress less, or give the student more training text.",
            )
        )
    bound = tango_upper_drop(counts, confidence)
    if not bound <= policy.margin + GUARD:
        needed = rows_needed(counts, policy.margin, confidence)
        reasons.append(
            reason(
                "accuracy.uncertain",
                f"On {counts.n:,} rows {name} may lose up to {points(bound)} of accuracy at "
                f"{percent(confidence)} confidence; the policy accepts {points(policy.margin)}.",
                f"Evaluate on at least {needed:,} rows."
                if needed is not None
                else "Compress less: the measured loss is at least the margin, so that more rows "
                "would not help.",
            )
        )
    return reasons


def _saving(candidate: Candidate, energy: EnergyComparison, policy: ModelPolicy) -> list[Reason]:
    """The saving as shown by the whole interval, missed by the whole interval, or neither."""
    reason = objection(candidate.role)
    ratio = reference_ratio(energy, policy)
    required = policy.required_saving(energy.meter.tier)
    low, high = ratio.ci95
    limit = 1.0 - required
    if 0.0 < low <= high <= limit + GUARD:
        return []
    figures = (
        f"{NAME[candidate.role]} saves {percent(1 - ratio.ratio)} of the energy per answer against "
        f"{reference_name(policy)} (95% interval {span(1 - high, 1 - low)}, "
        f"{energy.meter.tier}); the policy asks for {percent(required)} on this tier"
    )
    if low > limit + GUARD:
        text = f"{figures}."
        remedy = "Compress further, or choose a runtime that gains from the compression."
        return [reason("energy.no_saving", text, remedy)]
    return [
        reason(
            "energy.inconclusive",
            f"{figures}, which lies within the interval.",
            _longer(ratio, limit),
        )
    ]


def _longer(ratio: Ratio, limit: float) -> str:
    """How much longer to measure: a log-interval narrows with the square root of the blocks."""
    low, high = ratio.ci95
    distance = abs(math.log(limit / ratio.ratio))
    width = math.log(high / low) / 2 if 0.0 < low <= high else math.inf
    blocks = ratio.blocks * (width / distance) ** 2 if distance else math.inf
    if blocks > _MOST_BLOCKS:
        return "Measure longer: more blocks, on a machine with nothing else to do."
    return (
        f"Measure longer: about {max(ratio.blocks + 1, math.ceil(blocks)):,} blocks instead of "
        f"{ratio.blocks:,}, if the ratio stays as it is."
    )


def _latency(candidate: Candidate, energy: EnergyComparison, policy: ModelPolicy) -> list[Reason]:
    limit = policy.max_latency_p95_ms
    if limit is None:
        return []
    reason = objection(candidate.role)
    name = NAME[candidate.role]
    arms = [arm for arm in energy.arms if arm.name == energy.registered.arm]
    if not arms:
        text = f"The latency of {name} was not measured."
        return [reason("evidence.missing", text, "Measure again, then decide again.")]
    slowest = max(arm.latency_p95_ms for arm in arms)
    if slowest <= limit + GUARD:
        return []
    text = (
        f"{name} answers a single row within {slowest:.4g} ms in 95% of the calls; the policy "
        f"accepts {limit:.4g} ms."
    )
    return [reason("latency.slo", text, "Compress further, or serve on faster hardware.")]
