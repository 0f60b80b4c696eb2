"""The report as data."""

import math

from leanstage.contracts import Report, ReportedCandidate
from leanstage.report.footprint import footprints
from leanstage.report.inputs import CandidateRecord, ReportInputs
from leanstage.report.lineage import step_results, tried_settings


def build_report(inputs: ReportInputs) -> Report:
    """The documents of a report with the figures that follow from them."""
    return Report(
        version=inputs.version,
        subject=inputs.subject,
        decision=inputs.decision,
        policy=inputs.policy,
        plan=inputs.plan,
        hardware=inputs.hardware,
        baseline=inputs.baseline,
        candidates={role: _candidate(inputs, each) for role, each in inputs.candidates.items()},
        factors=inputs.factors,
        timings={
            stage: seconds if math.isfinite(seconds) else None
            for stage, seconds in inputs.timings.items()
        },
        justify_command=inputs.justify_command,
    )


def _candidate(inputs: ReportInputs, record: CandidateRecord) -> ReportedCandidate:
    energy, factors = record.energy, inputs.factors
    return ReportedCandidate(
        manifest=record.manifest,
        evaluation=record.evaluation,
        energy=energy,
        steps=step_results(inputs.baseline, record.manifest),
        tried=tried_settings(inputs.baseline, record.manifest, inputs.plan.tolerance),
        footprints=footprints(energy, factors) if energy and factors else (),
    )
