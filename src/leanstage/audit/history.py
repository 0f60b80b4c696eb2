"""What served when, and what was measured of it: from the decisions that a registry keeps."""

import tempfile
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from leanstage.accounts.intensity import Served, yearly_intensity
from leanstage.audit.decided import promoted_versions
from leanstage.audit.figures import joules_promoted, measured_judgement
from leanstage.audit.yearly import ESTIMATED
from leanstage.contracts import (
    Contract,
    Decision,
    EnergyComparison,
    Evaluation,
    IntensityHistory,
    Interval,
    RunContext,
    Tier,
)
from leanstage.errors import InputError, LeanstageError
from leanstage.gate.evidence import ORDER, Candidate, documents_sha256
from leanstage.gate.keeping import CONTEXT, ENERGY, EVALUATION
from leanstage.gate.record import signed_statement
from leanstage.registry import runs
from leanstage.registry.champions import DECISION
from leanstage.registry.client import tracking_uri
from leanstage.registry.versions import DIGEST_TAG
from leanstage.tasks import EVALUATION_FILE
from leanstage.uris import public_uri

Document = TypeVar("Document", bound=Contract)


def intensity_history(
    models: Collection[str] = (), now: datetime | None = None
) -> IntensityHistory:
    """Energy per answer of the champions, by model and year; nothing is changed.

    Args:
        models: registered models that hold champions; without one, all.
        now: until when the present champions have served.

    Raises:
        RegistryError: MLflow cannot be searched.
        InputError: one of ``models`` has no champion.
    """
    now = now or datetime.now(UTC)
    by_model: dict[str, list[Any]] = {}
    for found in promoted_versions():
        by_model.setdefault(found.name, []).append(found)
    for name in models:
        if name not in by_model:
            raise InputError(f"the model {name} has no champion that a gate promoted.")
    served: list[Served] = []
    problems: list[str] = []
    for name in sorted(models or by_model):
        for each in _served(by_model[name], now):
            if isinstance(each, str):
                problems.append(each)
            else:
                served.append(each)
    return IntensityHistory(
        taken=now.isoformat(timespec="seconds"),
        where=public_uri(tracking_uri()),
        years=tuple(yearly_intensity(served)),
        problems=tuple(problems),
    )


def _served(versions: list[Any], now: datetime) -> Iterator[Served | str]:
    """Each champion of a model, or why its energy is not known."""
    ordered = sorted(versions, key=lambda version: int(version.version))
    begun = [datetime.fromtimestamp(v.creation_timestamp / 1000, UTC) for v in ordered]
    # A rollback has no run: it returns to what a run decided before.
    decided = {v.tags.get(DECISION): v.run_id for v in ordered if v.run_id}
    for version, start, end in zip(ordered, begun, [*begun[1:], now], strict=True):
        run_id = decided.get(version.tags.get(DECISION))
        try:
            if run_id is None:
                raise LeanstageError("no run is named that decided on it.")
            yield _measured(version, run_id, start, end)
        except LeanstageError as error:
            yield f"{version.name} version {version.version}: {error}"


def _measured(version: Any, run_id: str, start: datetime, end: datetime) -> Served:
    """What was decided about a version, its signature verified.

    Raises:
        LeanstageError: it cannot be read, verified, or tells no energy.
    """
    statement = signed_statement(run_id)
    decision = statement.predicate.decision
    if statement.subject[0].digest.sha256 != version.tags.get(DIGEST_TAG):
        raise LeanstageError(f"the decision of run {run_id} is about other bytes.")
    joules, judgement = joules_promoted(decision), measured_judgement(decision)
    if joules is None or judgement is None or judgement.tier is None:
        raise LeanstageError(f"the decision of run {run_id} tells no energy.")
    evidence = evidence_of(decision)
    return Served(
        model=version.name,
        start=start,
        end=end,
        joules=joules,
        scale=_scale(evidence, judgement.tier),
        tier=judgement.tier,
        conditions=None if evidence is None else _conditions(evidence),
        decision=run_id,
    )


def _scale(evidence: EnergyComparison | None, tier: Tier) -> Interval:
    if evidence is not None:
        return evidence.meter.scale or (1.0, 1.0)
    return ESTIMATED if tier == "estimated" else (1.0, 1.0)


def evidence_of(decision: Decision) -> EnergyComparison | None:
    """The comparison behind a decision; None where its evidence is gone or not what was signed."""
    judgement = measured_judgement(decision)
    context = _kept(RunContext, decision.run_id, CONTEXT)
    if judgement is None or context is None:
        return None
    digests = {each.candidate: each.digest for each in decision.judgements}
    judged = {
        role: Candidate(
            role,
            manifest=None,
            digest=digests.get(role),
            evaluation=_kept(Evaluation, decision.run_id, f"{role}/{EVALUATION}/{EVALUATION_FILE}"),
            energy=_kept(EnergyComparison, decision.run_id, f"{role}/{ENERGY}"),
            predictions=None,
        )
        for role in ORDER
    }
    found = documents_sha256(context.hardware, tuple(judged.values()))
    return judged[judgement.candidate].energy if found == decision.evidence_sha256 else None


def _kept(kind: type[Document], run_id: str, name: str) -> Document | None:
    """A document of a run; None where it is gone or broken, as the gate sees it."""
    with tempfile.TemporaryDirectory(prefix="leanstage-history-") as scratch:
        try:
            return kind.load(runs.fetch_artifact(run_id, name, Path(scratch)))
        except (LeanstageError, OSError):
            return None


def _conditions(energy: EnergyComparison) -> dict[str, str]:
    """What has to be equal; software is not among it: that is what makes a year better."""
    return {
        "tier": energy.meter.tier,
        "meter": energy.meter.name,
        "boundary": energy.meter.boundary,
        "kind of machine": energy.node.node_sha256(),
        "batch size": str(energy.workload.batch_size),
        "tokens per answer": str(energy.workload.tokens_per_answer),
        "data": energy.workload.dataset_sha256,
    }
