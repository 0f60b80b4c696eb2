"""Is the measurement trustworthy? Its ratios are computed again from its raw windows."""

import math

from leanstage.contracts import EnergyComparison, ModelPolicy, Reason
from leanstage.gate.evidence import Candidate
from leanstage.gate.rechecks import failed_after_all, overstated_tier
from leanstage.gate.sideloads import side_load_objections
from leanstage.gate.windows import (
    at_most,
    costs,
    cpu_milliseconds,
    dynamic_joules,
    mean_joules,
    objections,
    percentiles_ms,
    same,
)
from leanstage.gate.words import NAME, objection

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


def contradictions(energy: EnergyComparison) -> list[str]:
    """What in a comparison does not follow from its own windows and digests, each as a clause."""
    return [*_foreign_arms(energy), *_contradictions(energy)]


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
    blocks = {block for _, block in windows}
    if blocks != set(range(len(blocks))):
        return ["a block is missing from it"]
    candidate, control = energy.registered.arm, energy.control
    if energy.strongest.arm != candidate or control.against != candidate:
        return ["its ratios are not of one candidate"]
    if control.arm == control.against:
        return ["its control is the candidate's own windows"]
    found = [*overstated_tier(energy), *_arm_contradictions(energy)]
    low, high = energy.meter.scale or (1.0, 1.0)
    if not 0 < low <= high:
        found.append(f"its meter may state {low:g} to {high:g} times too little")
    joules = {arm.name: arm.joules_per_answer for arm in energy.arms}
    unoptimized = [name for name in names if name not in (candidate, control.arm)]
    held = joules[energy.strongest.against] if energy.strongest.against in unoptimized else math.inf
    if not at_most(held, min((joules[name] for name in unoptimized), default=0.0)):
        found.append(f"{energy.strongest.against} is not the strongest unoptimized form")
    ratios = (energy.registered, energy.strongest, control)
    found += objections(ratios, costs(energy.windows))
    found += side_load_objections(energy, unoptimized)
    return found or failed_after_all(energy)


def _arm_contradictions(energy: EnergyComparison) -> list[str]:
    found = []
    means = mean_joules(energy.windows)
    for arm in energy.arms:
        computed = means[arm.name]
        wh = computed * _WH_PER_1000_ANSWERS
        if not (same(arm.joules_per_answer, computed) and same(arm.wh_per_1000, wh)):
            found.append(
                f"the energy of {arm.name} is stated as {arm.joules_per_answer:.6g} J per answer, "
                f"its windows give {computed:.6g}"
            )
        if not same(arm.cpu_ms_per_answer, cpu_milliseconds(energy.windows, arm.name)):
            found.append(f"the processor time of {arm.name} is not that of its windows")
        if not same(arm.dynamic_joules_per_answer, dynamic_joules(energy, arm.name)):
            found.append(f"the dynamic energy of {arm.name} is not that of its windows")
        stated = arm.latency_p50_ms, arm.latency_p95_ms
        if arm.latencies_ms and not all(map(same, stated, percentiles_ms(arm.latencies_ms))):
            found.append(f"the latencies of {arm.name} are not those of its calls")
    return found
