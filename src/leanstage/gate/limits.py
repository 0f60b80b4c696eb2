"""Is it within policy? Energy, latency, size, and what has to load it."""

import math

from leanstage.contracts import (
    EnergyComparison,
    ModelPolicy,
    Ratio,
    Reason,
    Role,
    VariantManifest,
)
from leanstage.gate.evidence import Candidate
from leanstage.gate.words import NAME, objection, percent, span

GUARD = 1e-12
"""Keeps rounding from deciding a figure that stands exactly at its limit."""

_MOST_BLOCKS = 1000
"""A longer measurement than this is no advice."""


def limit_problems(candidate: Candidate, policy: ModelPolicy) -> list[Reason]:
    """Objections to energy, latency, size and runtime; what is None was reported before."""
    reasons = []
    if candidate.energy is not None:
        reasons += _saving(candidate, candidate.energy, policy)
        reasons += _latency(candidate, candidate.energy, policy)
    if candidate.manifest is not None:
        reasons += _runtime(candidate.role, candidate.manifest, policy)
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


def _runtime(role: Role, manifest: VariantManifest, policy: ModelPolicy) -> list[Reason]:
    """What serves by PyTorch loads no graph of onnxruntime, and the other way round."""
    needed = "onnxruntime" if policy.serving == "onnxruntime" else "torch"
    if policy.serving == "any" or manifest.runtime == needed:
        return []
    text = (
        f"{NAME[role]} needs {manifest.runtime}; the policy says that {policy.serving} loads it, "
        f"which takes models for {needed}."
    )
    remedy = f"Quantize to a form for {needed}, or serve by what loads this one."
    return [objection(role)("serving.runtime", text, remedy)]


def _latency(candidate: Candidate, energy: EnergyComparison, policy: ModelPolicy) -> list[Reason]:
    limits = [
        (limit, share, figure)
        for limit, share, figure in (
            (policy.max_latency_p50_ms, "half", "latency_p50_ms"),
            (policy.max_latency_p95_ms, "95%", "latency_p95_ms"),
        )
        if limit is not None
    ]
    reason = objection(candidate.role)
    name = NAME[candidate.role]
    arms = [arm for arm in energy.arms if arm.name == energy.registered.arm]
    if limits and not any(arm.latencies_ms for arm in arms):
        text = f"The latency of {name} was not measured, or its single calls were not kept."
        return [reason("evidence.missing", text, "Measure again, then decide again.")]
    reasons = []
    for limit, share, figure in limits:
        slowest = max(getattr(arm, figure) for arm in arms)
        if not slowest <= limit + GUARD:
            text = (
                f"{name} answers a single row within {slowest:.4g} ms in {share} of the calls; the "
                f"policy accepts {limit:.4g} ms."
            )
            remedy = "Compress further, or serve on faster hardware."
            reasons.append(reason("latency.slo", text, remedy))
    return reasons
