"""A run with a real registered baseline, and decisions on variants of it to promote."""

import itertools
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

from mlflow import MlflowClient

from leanstage.contracts import (
    Champion,
    Decision,
    Justification,
    JustificationUse,
    ModelPolicy,
    ModelVersion,
    Role,
    RunContext,
    Step,
)
from leanstage.gate.approvals import JUSTIFICATION
from leanstage.gate.promotion import promote
from leanstage.gate.record import keep_decision
from leanstage.registry import champions, runs
from leanstage.registry.versions import download
from leanstage.resolve import Request, Targets, resolve
from leanstage.variant import Variant, open_variant
from leanstage.variant.folder import with_lineage

NAMES = [field.name for field in fields(Targets)]


class Promoting:
    """Makes decisions, each on a variant of its own, and promotes them."""

    def __init__(
        self,
        checkpoint: Callable[[str], Path],
        data: dict[str, Path],
        folder: Path,
        uri: str,
        name: str = "tiny",
    ) -> None:
        targets = Targets(**{name: folder / "in" / name for name in NAMES})
        self.context: RunContext = resolve(
            Request(
                model=str(checkpoint("bert")),
                train=str(data["train"]),
                evaluation=str(data["evaluation"]),
                name=name,
            ),
            targets,
        )
        self.baseline = open_variant(targets.baseline)
        self.policy = self.context.policy
        self.folder = folder
        self.name = name
        self.target = folder / "promoted"
        self.client = MlflowClient(uri, registry_uri=uri)
        self.now = datetime.now(UTC)
        self._numbers = itertools.count(1)
        self._made: dict[str, Variant] = {}

    def unsigned(self, *, run_id: str | None = None, policy: ModelPolicy | None = None) -> Decision:
        """A decision to promote a new variant, held against the champion of the moment."""
        number = next(self._numbers)
        step = Step(
            technique="quantize",
            status="skipped",
            reason=f"number {number}",
            parent_digest=self.baseline.digest,
            seconds=0.0,
        )
        made = with_lineage(self.baseline, self.folder / f"variant-{number}", (step,))
        self._made[made.digest] = made
        policy = policy or self.policy
        return Decision.model_validate(
            {
                "verdict": "PROMOTE_OPTIMIZED",
                "sentence": f"Variant {number} ships.",
                "promoted": "optimized",
                "digest": made.digest,
                "deploy": "optimized",
                "source": self.context.source,
                "baseline_digest": self.baseline.digest,
                "champion": self.serving(policy),
                "policy_name": policy.name,
                "policy_sha256": policy.sha256(),
                "evidence_sha256": "0" * 64,
                "guarantee": "none",
                "run_id": run_id or runs.start_run("tiny", {}),
                "decided": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )

    def decision(self, *, policy: ModelPolicy | None = None) -> Decision:
        """The same, signed and kept."""
        decision = self.unsigned(policy=policy)
        keep_decision(decision, policy or self.policy, self.variants(decision)["optimized"])
        return decision

    def baseline_ships(self, *, expires: str) -> Decision:
        """A signed decision for the baseline, on a justification that stands in MLflow."""
        decision = self.unsigned()
        use = approval(decision, self.folder, expires=expires)
        self.approval = use.run_id
        ships = {
            "verdict": "PROMOTE_BASELINE",
            "promoted": "baseline",
            "deploy": "baseline",
            "digest": self.baseline.digest,
            "justification": use,
        }
        decision = decision.model_copy(update=ships)
        keep_decision(decision, self.policy, self.baseline.path)
        return decision

    def blocked(self) -> Decision:
        """A signed decision that promotes nothing."""
        decision = self.unsigned().model_copy(
            update={"verdict": "BLOCKED", "promoted": None, "digest": None}
        )
        keep_decision(decision, self.policy, None)
        return decision

    def variants(self, decision: Decision) -> dict[Role, Path]:
        found = self._made.get(decision.digest or "", self.baseline)
        return {"baseline": self.baseline.path, "optimized": found.path}

    def promote(self, decision: Decision, *, target: Path | None = None) -> ModelVersion:
        return promote(decision, variants=self.variants(decision), target=target or self.target)

    def serving(self, policy: ModelPolicy) -> Champion | None:
        version = champions.champion(policy.promoted_to(self.name))
        if version is None:
            return None
        tags = self.client.get_model_version(version.name, version.version).tags
        return Champion(version=version, digest=tags["leanstage.digest"])

    def versions(self) -> list[str]:
        return [str(v.version) for v in self.client.search_model_versions(f"name = '{self.name}'")]

    def download(self, version: ModelVersion) -> Path:
        return download(version, self.folder / "downloaded")


def approval(decision: Decision, folder: Path, *, expires: str) -> JustificationUse:
    """A justification of the baseline that stands in MLflow, as a decision would rest on it."""
    assert decision.baseline_digest is not None
    document = Justification(
        grounds="accuracy",
        reason="Two points of accuracy matter here.",
        author="ada",
        decision_run_id=decision.run_id,
        source=decision.source,
        baseline_digest=decision.baseline_digest,
        evidence_sha256=decision.evidence_sha256,
        policy_sha256=decision.policy_sha256,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        expires=expires,
    )
    run_id = runs.start_run("approval", {})
    write_justification(run_id, document, folder)
    return JustificationUse(
        run_id=run_id,
        experiment="approvals",
        sha256=document.sha256(),
        grounds=document.grounds,
        reason=document.reason,
        author=document.author,
        expires=document.expires,
    )


def write_justification(run_id: str, document: Justification, folder: Path) -> None:
    """Log it as ``leanstage justify`` does, and end its run."""
    document.save(folder / JUSTIFICATION)
    runs.log_file(run_id, folder / JUSTIFICATION)
    runs.end_run(run_id, "FINISHED")
