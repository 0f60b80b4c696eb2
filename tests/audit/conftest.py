"""One registry in which models serve that were promoted, passed by, hidden and tampered with."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mlflow import MlflowClient

from leanstage.contracts import (
    TECHNIQUES,
    Champion,
    Decision,
    Judgement,
    ModelPolicy,
    ModelVersion,
    Role,
    Step,
)
from leanstage.gate.promotion import promote
from leanstage.gate.record import keep_decision
from leanstage.registry import runs
from leanstage.registry.versions import DIGEST_TAG, register
from leanstage.variant import fresh_folder, open_variant
from leanstage.variant.folder import seal, with_lineage
from tests.promoting import approval

SOON = datetime.now(UTC) + timedelta(days=30)
"""When the audit is taken: one of two justifications has expired by then."""
HOSTILE = "=<script>alert(1)<script>[red]"
PROMPT = {"mlflow.prompt.is_prompt": "true"}


class Registry(NamedTuple):
    """Where it is, and a client of it."""

    uri: str
    folder: Path
    client: MlflowClient

    @contextmanager
    def here(self) -> Iterator[None]:
        """Within this, it is the MLflow of this process."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("MLFLOW_TRACKING_URI", self.uri)
            patched.setenv("LEANSTAGE_HOME", str(self.folder / "home"))
            patched.setenv("LEANSTAGE_EVENTS", "")
            yield


class Shipping:
    """Promotes for real, each into a registered model of its own."""

    policy = ModelPolicy()

    def __init__(self, folder: Path, uri: str) -> None:
        self.folder = folder
        self.client = MlflowClient(uri, registry_uri=uri)
        # Nothing here is ever loaded, so any bytes are weights.
        with fresh_folder(folder / "baseline") as draft:
            (draft / "config.json").write_text("{}")
            (draft / "model.safetensors").write_bytes(bytes(4096))
            seal(
                draft,
                architecture="BertForSequenceClassification",
                labels=("negative", "positive"),
                runtime="torch",
                precision="fp32",
                max_length=64,
                parameters=1024,
                lineage=(),
            )
        self.baseline = open_variant(folder / "baseline")
        self.source = register(self.baseline, "tiny", experiment="leanstage", run_id=None, tags={})

    def decision(self, policy: ModelPolicy, **fields: Any) -> Decision:
        return Decision.model_validate(
            {
                "verdict": "PROMOTE_OPTIMIZED",
                "sentence": "The optimized candidate ships.",
                "promoted": "optimized",
                "deploy": "optimized",
                "source": self.source,
                "baseline_digest": self.baseline.digest,
                "policy_name": policy.name,
                "policy_sha256": policy.sha256(),
                "evidence_sha256": "0" * 64,
                "guarantee": "none",
                "run_id": runs.start_run("tiny", {}),
                "decided": datetime.now(UTC).isoformat(timespec="seconds"),
                **fields,
            }
        )

    def ship(
        self,
        name: str,
        *,
        justified_for: timedelta | None = None,
        over: Champion | None = None,
    ) -> ModelVersion:
        """Promote a variant on which all techniques were evaluated, or else the baseline."""
        policy = self.policy.model_copy(update={"promoted_model": name})
        steps = tuple(
            Step(
                technique=technique,
                status="skipped",
                reason=f"for {name}{' again' if over else ''}",
                parent_digest=self.baseline.digest,
                seconds=0.0,
            )
            for technique in TECHNIQUES
        )
        folder = self.folder / (f"{name}-again" if over else name)
        made = with_lineage(self.baseline, folder, steps)
        judged = Judgement(
            candidate="optimized",
            digest=made.digest,
            passed=justified_for is None,
            saving=0.52,
            saving_bound=0.48,
            joules_per_answer=0.005,
            baseline_joules_per_answer=0.025,
            tier="estimated",
        )
        decision = self.decision(policy, digest=made.digest, judgements=(judged,), champion=over)
        if justified_for is not None:
            expires = (datetime.now(UTC) + justified_for).isoformat()
            use = approval(decision, self.folder, expires=expires)
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
        return promote(decision, variants=folders, target=Path(f"{folder}-promoted"))


@pytest.fixture
def at_the_registry(registry: Registry, embedded_mlflow: str) -> Iterator[Registry]:
    """After what gives every other test an MLflow of its own."""
    with registry.here():
        yield registry


@pytest.fixture(scope="session")
def registry(migrated_db: Path, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Nothing in here is changed by a test."""
    folder = tmp_path_factory.mktemp("registry")
    shutil.copyfile(migrated_db, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    found = Registry(uri, folder, MlflowClient(uri, registry_uri=uri))
    with found.here():
        shipping = Shipping(folder, uri)
        client = shipping.client
        shipping.ship("lean")
        shipping.ship("kept", justified_for=timedelta(days=300))
        shipping.ship("lapsed", justified_for=timedelta(days=10))
        shipping.ship("hidden")
        client.set_registered_model_tag("hidden", *next(iter(PROMPT.items())))
        shipping.ship("tampered")
        client.set_model_version_tag("tampered", "1", DIGEST_TAG, "f" * 64)
        shipping.ship("rewritten")
        _file(client, "rewritten", "leanstage.json").write_text("{}")
        shipping.ship("bare")
        _file(client, "bare", "attestation/decision.dsse.json").unlink()
        lean = client.get_model_version("lean", "1")
        client.create_registered_model("borrowed")
        client.create_model_version("borrowed", lean.source, tags=lean.tags)
        client.set_registered_model_alias("borrowed", "champion", "1")
        first = shipping.ship("moved")
        tag = client.get_model_version("moved", first.version).tags[DIGEST_TAG]
        shipping.ship("moved", over=Champion(version=first, digest=tag))
        client.set_registered_model_alias("moved", "champion", first.version)
        client.set_registered_model_alias("moved", "production", "2")
        client.set_registered_model_alias("tiny", "production", "1")
        client.create_registered_model(HOSTILE)
        client.create_model_version(HOSTILE, source="s3://nowhere/at/all")
        client.set_registered_model_alias(HOSTILE, "production", "1")
        client.create_registered_model("resting")
        client.create_model_version("resting", source="s3://nowhere/at/all")
        # As earlier releases of MLflow registered what a run had logged.
        run = runs.start_run("classic", {})
        client.create_registered_model("classic")
        client.create_model_version("classic", f"runs:/{run}/model", run_id=run)
        client.create_model_version("classic", f"runs:/{run}/model-two", run_id=run)
        # A genuine prompt is nothing that serves.
        client.register_prompt("greeting", "Hello {{name}}")
        client.set_prompt_alias("greeting", "production", 1)
    return found


def _file(client: MlflowClient, name: str, path: str) -> Path:
    """A file beside the weights, where the embedded MLflow keeps it."""
    place = client.get_model_version_download_uri(name, "1")
    return Path(place.removeprefix("file://")) / path
