"""One registry in which models serve that were promoted, passed by, hidden and tampered with."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from mlflow import MlflowClient

from leanstage.contracts import (
    TECHNIQUES,
    Judgement,
    JustificationUse,
    ModelVersion,
    Role,
    Step,
)
from leanstage.gate.promotion import promote
from leanstage.gate.record import keep_decision
from leanstage.registry import runs
from leanstage.registry.versions import DIGEST_TAG
from leanstage.variant.folder import with_lineage
from tests.conftest import reviews, write_rows
from tests.gate.promotion.conftest import Promoting

SOON = datetime.now(UTC) + timedelta(days=30)
"""When the audit is taken: one of two justifications has expired by then."""
HOSTILE = "=<script>alert(1)</script>[red]"
PROMPT = {"mlflow.prompt.is_prompt": "true"}


class Registry(NamedTuple):
    """Where it is, and a client of it."""

    uri: str
    folder: Path
    client: MlflowClient


class Shipping(Promoting):
    """Promotes for real, each into a registered model of its own."""

    def ship(self, name: str, *, justified_for: timedelta | None = None) -> ModelVersion:
        """Promote a variant on which all techniques were evaluated, or else the baseline."""
        policy = self.policy.model_copy(update={"promoted_model": name})
        steps = tuple(
            Step(
                technique=technique,
                status="skipped",
                reason=f"for {name}",
                parent_digest=self.baseline.digest,
                seconds=0.0,
            )
            for technique in TECHNIQUES
        )
        made = with_lineage(self.baseline, self.folder / name, steps)
        judged = Judgement(
            candidate="optimized",
            digest=made.digest,
            passed=justified_for is None,
            saving=0.52,
            saving_bound=0.48,
        )
        decision = self.unsigned(policy=policy).model_copy(
            update={"digest": made.digest, "judgements": (judged,)}
        )
        if justified_for is not None:
            use = JustificationUse(
                run_id="approval",
                experiment="approvals",
                sha256="0" * 64,
                grounds="accuracy",
                reason="Two points of accuracy matter here.",
                author="ada",
                expires=(datetime.now(UTC) + justified_for).isoformat(),
            )
            decision = decision.model_copy(
                update={
                    "verdict": "PROMOTE_BASELINE",
                    "promoted": "baseline",
                    "digest": self.baseline.digest,
                    "justification": use,
                }
            )
            runs.log_folder(decision.run_id, made.path, "optimized/variant")
        folders: dict[Role, Path] = {"baseline": self.baseline.path, "optimized": made.path}
        keep_decision(decision, policy, folders[decision.promoted or "baseline"])
        return promote(decision, variants=folders, target=self.folder / f"{name}-promoted")


@pytest.fixture(scope="module")
def registry(
    tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Callable[[str], Path]
) -> Iterator[Registry]:
    """Nothing in here is changed by a test."""
    folder = tmp_path_factory.mktemp("registry")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MLFLOW_TRACKING_URI", uri)
        patched.setenv("LEANSTAGE_HOME", str(folder / "home"))
        patched.setenv("LEANSTAGE_EVENTS", "")
        data = {
            "train": write_rows(folder / "train.jsonl", reviews(600, seed=2)),
            "evaluation": write_rows(folder / "evaluation.jsonl", reviews(400, seed=3)),
        }
        shipping = Shipping(tiny_checkpoint, data, folder, uri)
        client = shipping.client
        shipping.ship("lean")
        shipping.ship("kept", justified_for=timedelta(days=300))
        shipping.ship("lapsed", justified_for=timedelta(days=10))
        shipping.ship("hidden")
        client.set_registered_model_tag("hidden", *PROMPT.popitem())
        shipping.ship("tampered")
        client.set_model_version_tag("tampered", "1", DIGEST_TAG, "f" * 64)
        shipping.ship("rewritten")
        _file(client, "rewritten", "leanstage.json").write_text("{}")
        shipping.ship("bare")
        _file(client, "bare", "attestation/decision.dsse.json").unlink()
        client.set_registered_model_alias("tiny", "production", "1")
        client.create_registered_model(HOSTILE)
        client.create_model_version(HOSTILE, source="s3://nowhere/at/all")
        client.set_registered_model_alias(HOSTILE, "production", "1")
        client.create_registered_model("resting")
        client.create_model_version("resting", source="s3://nowhere/at/all")
        # A genuine prompt is nothing that serves.
        client.register_prompt("greeting", "Hello {{name}}")
        client.set_prompt_alias("greeting", "production", 1)
        yield Registry(uri, folder, client)


def _file(client: MlflowClient, name: str, path: str) -> Path:
    """A file beside the weights, where the embedded MLflow keeps it."""
    place = client.get_model_version_download_uri(name, "1")
    return Path(place.removeprefix("file://")) / path
