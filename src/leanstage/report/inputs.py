"""What a report is made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from leanstage.contracts import (
    Decision,
    EnergyComparison,
    Evaluation,
    Factors,
    HardwareProfile,
    Judgement,
    ModelPolicy,
    Plan,
    Role,
    VariantManifest,
)

ROLES: tuple[Role, ...] = ("optimized", "fallback")
"""Candidates in the order in which the gate judges them."""


@dataclass(frozen=True)
class CandidateRecord:
    """One candidate with the evidence on it; None where nothing was evaluated or measured."""

    manifest: VariantManifest
    evaluation: Evaluation | None = None
    energy: EnergyComparison | None = None


@dataclass(frozen=True)
class ReportInputs:
    """One decision and all that it rests on.

    Attributes:
        hardware: what serves, as the gate held the measurement against it.
        candidates: records by role, ``optimized`` and ``fallback``; either may be absent.
        factors: what turns energy into emissions and cost; None states neither.
        no_factors: why there are none, as a sentence.
        timings: seconds by stage.
        version: version of leanstage that decided.
        justify_command: command that logs a justification; shown only when the run is blocked.
    """

    decision: Decision
    policy: ModelPolicy
    plan: Plan
    hardware: HardwareProfile
    baseline: VariantManifest
    candidates: Mapping[Role, CandidateRecord]
    factors: Factors | None
    timings: Mapping[str, float]
    version: str
    justify_command: str | None = None
    no_factors: str = ""

    @property
    def subject(self) -> Role | None:
        """The candidate the report is about: the promoted one, else the first on record."""
        promoted = self.decision.promoted
        if promoted is not None and promoted in self.candidates:
            return promoted
        return next((role for role in ROLES if role in self.candidates), None)

    @property
    def second(self) -> Role | None:
        """The other candidate, where there is one."""
        return next((r for r in ROLES if r in self.candidates and r != self.subject), None)

    def record(self, role: Role | None) -> CandidateRecord | None:
        """The record of ``role``, or None where it has none."""
        return None if role is None else self.candidates.get(role)

    def judgement(self, role: Role | None) -> Judgement | None:
        """The gate's look at ``role``, or None where the gate did not judge it."""
        return next((j for j in self.decision.judgements if j.candidate == role), None)
