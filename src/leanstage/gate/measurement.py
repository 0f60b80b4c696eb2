"""Is the measurement trustworthy? Its ratios are computed again from its raw windows."""

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from leanstage.contracts import EnergyComparison, ModelPolicy, Ratio, Reason, Window
from leanstage.gate.evidence import Candidate
from leanstage.gate.words import NAME, objection

_SAME = 1e-6
"""Relative."""
_WH_PER_1000_ANSWERS = 1000 / 3600


def energy_problems(candidate: Candidate, policy: ModelPolicy) -> list[Reason]:
    """Objections to the energy comparison, which is None where it was reported before."""
    energy = candidate.energy
    if energy is None:
        return []
    reason = objection(candidate.role)
    name = NAME[candidate.role]
    again = "Measure again, then decide again."
    reasons = []
    if energy.meter.tier not in policy.tiers:
        reasons.append(
            reason(
                "policy.untrusted",
                f"The energy of {name} is {energy.meter.tier}; the policy accepts "
                f"{' or '.join(policy.tiers) or 'no tier'}.",
                "Measure with a meter of an accepted tier.",
            )
        )
    if energy.workload.batch_size != policy.batch_size:
        reasons.append(
            reason(
                "policy.untrusted",
                f"The energy of {name} was measured at batch size {energy.workload.batch_size}; "
                f"the policy asks for {policy.batch_size}.",
                "Measure at the batch size that the policy names.",
            )
        )
    writes = candidate.manifest is not None and candidate.manifest.task == "text-generation"
    if writes and energy.workload.tokens_per_answer is None:
        text = f"The energy of {name} is of answers that may differ in length from form to form."
        remedy = "Measure answers of equally many tokens."
        reasons.append(reason("evidence.anomalous", text, remedy))
    if not energy.valid:
        failed = "; ".join(f"{c.name}: {c.detail}" for c in energy.checks if not c.passed)
        text = f"The measurement of {name} failed its checks ({failed or 'none was made'})."
        remedy = "Measure again on a machine with nothing else to do."
        reasons.append(reason("evidence.anomalous", text, remedy))
    reasons += [
        reason("digest.mismatch", f"In the measurement of {name}, {text}.", again)
        for text in _foreign_arms(energy)
    ]
    reasons += [
        reason(
            "evidence.anomalous", f"The measurement of {name} contradicts itself: {text}.", again
        )
        for text in _contradictions(energy)
    ]
    return reasons


def _foreign_arms(energy: EnergyComparison) -> list[str]:
    """Arms that carry other bytes than those their part in the comparison calls for."""
    digests = {arm.name: arm.digest for arm in energy.arms}
    return [
        f"the arm {name} does not carry the digest of the {what}"
        for name, expected, what in (
            (energy.registered.arm, energy.candidate_digest, "candidate"),
            (energy.registered.against, energy.baseline_digest, "baseline"),
            (energy.control.arm, energy.candidate_digest, "candidate"),
            (energy.control.against, energy.candidate_digest, "candidate"),
        )
        if digests.get(name) != expected
    ]


def _contradictions(energy: EnergyComparison) -> list[str]:
    """What does not add up, each as a clause."""
    names = [arm.name for arm in energy.arms]
    windows = {(window.arm, window.block): window for window in energy.windows}
    if len(set(names)) != len(names) or len(windows) != len(energy.windows):
        return ["an arm or a window stands in it twice"]
    if {name for name, _ in windows} != set(names):
        return ["its arms are not those of its windows"]
    candidate, control = energy.registered.arm, energy.control
    if energy.strongest.arm != candidate or control.against != candidate:
        return ["its ratios are not of one candidate"]
    if control.arm == control.against:
        return ["its control is the candidate's own windows"]
    found = _arm_contradictions(energy)
    unoptimized = [arm for arm in energy.arms if arm.name not in (candidate, control.arm)]
    cheapest = min((arm.joules_per_answer for arm in unoptimized), default=math.inf)
    if all(
        arm.name != energy.strongest.against or arm.joules_per_answer > cheapest * (1 + _SAME)
        for arm in unoptimized
    ):
        found.append(f"{energy.strongest.against} is not the strongest unoptimized form")
    for ratio in (energy.registered, energy.strongest, control):
        computed = _ratio(energy.windows, ratio.arm, ratio.against)
        stated = (ratio.ratio, *ratio.ci95)
        if computed is None or ratio.blocks != computed[3]:
            found.append(f"{ratio.arm} and {ratio.against} lack windows in the same blocks")
        elif not all(map(_same, stated, computed[:3])):
            found.append(_differs(ratio, computed))
    return found


def _arm_contradictions(energy: EnergyComparison) -> list[str]:
    joules: dict[str, float] = defaultdict(float)
    answers: dict[str, int] = defaultdict(int)
    for window in energy.windows:
        joules[window.arm] += window.joules
        answers[window.arm] += window.answers
    found = []
    for arm in energy.arms:
        computed = joules[arm.name] / answers[arm.name]
        wh = computed * _WH_PER_1000_ANSWERS
        if not (_same(arm.joules_per_answer, computed) and _same(arm.wh_per_1000, wh)):
            found.append(
                f"the energy of {arm.name} is stated as {arm.joules_per_answer:.6g} J per answer, "
                f"its windows give {computed:.6g}"
            )
        if arm.latency_p50_ms > arm.latency_p95_ms:
            found.append(f"the median latency of {arm.name} is above its 95th percentile")
    return found


def _ratio(
    windows: Sequence[Window], arm: str, against: str
) -> tuple[float, float, float, int] | None:
    """Ratio, ends of its 95% interval, and blocks; None without two blocks common to both arms.

    Mean of the per-block log-ratios with Student's t-interval, as the measurement states it, but
    computed apart from the code that measured.
    """
    found: dict[str, dict[int, float]] = {arm: {}, against: {}}
    for window in windows:
        if window.arm in found:
            found[window.arm][window.block] = window.joules / window.answers
    blocks = sorted(found[arm])
    n = len(blocks)
    if n < 2 or found[arm].keys() != found[against].keys():
        return None
    logs = [math.log(found[arm][block] / found[against][block]) for block in blocks]
    mean = math.fsum(logs) / n
    squares = math.fsum((value - mean) ** 2 for value in logs)
    half = _t_quantile(n - 1) * math.sqrt(squares / (n - 1) / n)
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half), n


@lru_cache
def _t_quantile(degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975))


def _differs(ratio: Ratio, computed: tuple[float, float, float, int]) -> str:
    low, high = ratio.ci95
    return (
        f"the ratio of {ratio.arm} to {ratio.against} is stated as {ratio.ratio:.6g} ({low:.6g} to "
        f"{high:.6g}), its windows give {computed[0]:.6g} ({computed[1]:.6g} to {computed[2]:.6g})"
    )


def _same(stated: float, computed: float) -> bool:
    return math.isclose(stated, computed, rel_tol=_SAME)
