"""Do the measured figures support the grounds of a justification?"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leanstage.contracts import (
    TECHNIQUES,
    Evaluation,
    Judgement,
    Justification,
    Trial,
    VariantManifest,
)
from leanstage.gate.evidence import Evidence, recheck

_OF_ACCURACY = frozenset({"slice.harm", "champion.worse", "agreement.low"})


@dataclass(frozen=True)
class Unsupported:
    """What the evidence lacks for the grounds, as a clause, and what to do about it."""

    why: str
    remedy: str


def unsupported(
    justification: Justification, evidence: Evidence, judgements: Sequence[Judgement]
) -> Unsupported | None:
    """None where the evidence supports the grounds.

    ``accuracy`` asks for a candidate that the gate objects to for its accuracy, as a whole, in a
    slice, beside the champion or in production, or, where the baseline was asked for, one that
    lost accuracy and whose measured figure the reason cites.
    ``no_saving`` asks for an objection to the saving and a measured trial of every technique.
    ``runtime`` rests on its text: what a serving platform can run is not in the evidence.
    """
    codes = {reason.code for judgement in judgements for reason in judgement.reasons}
    if justification.grounds == "accuracy":
        if any(code.startswith("accuracy.") or code in _OF_ACCURACY for code in codes):
            return None
        if evidence.deploy == "baseline" and _cites_a_loss(justification.reason, evidence):
            return None
        return Unsupported(
            "claims a loss of accuracy that the evidence does not show or its text does not state",
            "Cite the measured loss of a candidate in the reason, or choose other grounds.",
        )
    if justification.grounds == "no_saving":
        if "energy.no_saving" not in codes:
            return Unsupported(
                "claims that nothing is saved, which the evidence does not show",
                "Choose other grounds; where the saving is inconclusive, measure longer.",
            )
        untried = [name for name in TECHNIQUES if name not in _measured_techniques(evidence)]
        if untried:
            return Unsupported(
                f"claims that nothing is saved without a measured trial of {', '.join(untried)}",
                "Run the missing techniques; trials count where they start from this baseline.",
            )
    return None


def _cites_a_loss(reason: str, evidence: Evidence) -> bool:
    """Whether the text holds a measured figure of a candidate that lost accuracy.

    A figure counts in percent to at least one decimal or as a share to at least three, rounded as
    it was written.
    """
    for number in re.findall(r"\d+\.\d+", reason):
        decimals = len(number.partition(".")[2])
        for figure in _losses(evidence) if float(number) > 0 else ():
            in_percent = f"{figure * 100:.{decimals}f}" == number
            if in_percent or (decimals >= 3 and f"{figure:.{decimals}f}" == number):
                return True
    return False


def _losses(evidence: Evidence) -> Iterator[float]:
    for candidate in evidence.candidates:
        evaluation = recheck(Evaluation, candidate.evaluation)
        if evaluation is not None and evaluation.counts.n and evaluation.counts.drop > 0:
            yield evaluation.counts.drop
            yield evaluation.candidate


def _measured_techniques(evidence: Evidence) -> set[str]:
    """Techniques with a measured trial in a lineage that starts from the baseline."""
    found: set[str] = set()
    for candidate in evidence.candidates:
        manifest = recheck(VariantManifest, candidate.manifest)
        lineage = manifest.lineage if manifest is not None else ()
        starts = [n for n, s in enumerate(lineage) if s.parent_digest == evidence.baseline.digest]
        for step in lineage[starts[0] :] if starts else ():
            if any(_measured(trial) for trial in step.trials):
                found.add(step.technique)
    return found


def _measured(trial: Trial) -> bool:
    return trial.validation is not None or trial.ms_per_answer is not None
