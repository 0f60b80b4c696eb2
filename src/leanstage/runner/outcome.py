"""The outcome of a finished run, put together from the files its tasks left."""

from pathlib import Path

from leanstage.contracts import (
    Decision,
    EnergyComparison,
    EnergySummary,
    Evaluation,
    EvaluationSummary,
    MlflowSummary,
    Outcome,
    Role,
    RunContext,
    VariantManifest,
    VariantSummary,
)
from leanstage.errors import LeanstageError
from leanstage.registry.client import CHAMPION
from leanstage.runner.local import Run
from leanstage.uris import public_uri
from leanstage.variant import MANIFEST


def outcome_of(run: Run, *, tracking_uri: str) -> tuple[Outcome, EnergyComparison]:
    """Read decision, evidence and promotion of a run: the outcome, and its energy in full.

    Raises:
        LeanstageError: the run reached no decision; the error says why.
    """
    if "decision" not in run.outputs or "report_html" not in run.outputs:
        raise run.error or LeanstageError(f"the run reached no decision; its log is {run.log}.")
    decision = Decision.load(run.outputs["decision"])
    promoted = run.outputs.get("promoted")
    if decision.promoted is not None and promoted is None:
        raise run.error or LeanstageError(
            f"the decision is {decision.verdict} but nothing was promoted; its log is {run.log}."
        )
    context = RunContext.load(run.outputs["context"])
    role: Role = "fallback" if decision.promoted == "fallback" else "optimized"
    evaluation = Evaluation.load(run.outputs[f"{role}_evaluation"])
    energy = EnergyComparison.load(run.outputs[f"{role}_energy"])
    outcome = Outcome(
        verdict=decision.verdict,
        sentence=decision.sentence,
        reasons=decision.reasons,
        baseline=summary(run.outputs["baseline"]),
        candidate=summary(run.outputs[f"{role}_variant"]),
        promoted=summary(promoted) if promoted else None,
        evaluation=EvaluationSummary(
            metric=evaluation.metric,
            n=evaluation.n,
            baseline=evaluation.baseline,
            candidate=evaluation.candidate,
            difference=evaluation.difference,
            ci95=evaluation.ci95,
        ),
        energy=EnergySummary(
            ratio=energy.registered.ratio,
            ratio_strongest=energy.strongest.ratio,
            ci95=energy.registered.ci95,
            tier=energy.meter.tier,
            unit=energy.unit,
        ),
        mlflow=MlflowSummary(
            tracking_uri=public_uri(tracking_uri),
            run_id=decision.run_id,
            model=context.source.name,
            version=run.outputs.get("promoted_version"),
            alias=CHAMPION if promoted else None,
        ),
        report=run.outputs["report_html"],
        timings=run.timings,
    )
    return outcome, energy


def summary(path: str) -> VariantSummary:
    """What an outcome says of a variant on disk."""
    manifest = VariantManifest.load(Path(path) / MANIFEST)
    if manifest.digest is None:
        raise LeanstageError(f"{path} holds a variant without a digest.")
    return VariantSummary(
        path=str(Path(path).resolve()),
        digest=manifest.digest,
        runtime=manifest.runtime,
        precision=manifest.precision,
        parameters=manifest.parameters,
        bytes=manifest.bytes,
    )
