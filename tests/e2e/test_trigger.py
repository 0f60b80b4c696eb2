"""From a registered version to a champion that serves, without a hand in between or a cluster."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from leanstage.gate import attestation
from leanstage.registry.client import connect
from leanstage.trigger.registration import register
from tests.mlflow_server import MlflowServer
from tests.trigger.service import SECRET, Service, until

pytestmark = pytest.mark.e2e

NAME, LEAN = "hooked-reviews", "hooked-reviews-lean"


@pytest.fixture
def service(
    mlflow_server: MlflowServer, data: dict[str, Path], tmp_path: Path
) -> Iterator[Service]:
    """The trigger with the gate's account, key and policies; it looks by itself once an hour."""
    key = attestation.generate(tmp_path / "gate-key")
    policy = {
        "name": "hooked",
        "models": [NAME],
        "train": str(data["train"]),
        "evaluation": str(data["evaluation"]),
        "promoted_model": "{name}-lean",
        "promoted_experiment": "hooked-promoted",
        # So small a model saves little; what is tested is that nobody has to do anything.
        "min_saving": 0.0,
        "reference": "registered",
    }
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "hooked.yaml").write_text(yaml.safe_dump(policy))
    with mlflow_server.as_user("gate"):
        running = Service(
            tmp_path,
            LEANSTAGE_TRIGGER_BACKEND="local",
            LEANSTAGE_TRIGGER_INTERVAL_SECONDS="5",
            LEANSTAGE_TRIGGER_PARAMETERS='{"deploy": {"energy_blocks": 6}}',
            LEANSTAGE_HOME=str(tmp_path / "home"),
            LEANSTAGE_KEY=str(key.private),
            LEANSTAGE_POLICY=str(tmp_path / "policies"),
            MLFLOW_EXPERIMENT_NAME="hooked-runs",
        )
    with running:
        yield running


def tags(server: MlflowServer, version: str) -> dict[str, str]:
    return dict(server.client("gate").get_model_version(NAME, version).tags)


def test_a_registered_version_becomes_a_champion_by_itself(
    mlflow_server: MlflowServer,
    service: Service,
    tiny_checkpoint: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    until(service.ready)
    with mlflow_server.as_user("admin"):
        webhook = register(f"{service.uri}/webhooks/mlflow", SECRET)
    assert webhook.problem is None
    try:
        sam: Any = mlflow_server.client("sam")
        with mlflow_server.as_user("sam"):
            experiment = connect().create_experiment("hooked-sam")
            model = connect().create_logged_model(experiment, name="reviews")
            connect().log_model_artifacts(model.model_id, str(tiny_checkpoint("bert")))
            connect().finalize_logged_model(model.model_id, "READY")
            sam.create_registered_model(NAME)
            made = sam.create_model_version(
                NAME, f"models:/{model.model_id}", model_id=model.model_id
            )
        time.sleep(1)
        assert "leanstage.status" not in tags(mlflow_server, made.version), "nothing asks yet"
        sam.set_registered_model_alias(NAME, "candidate", made.version)

        until(lambda: "leanstage.status" in tags(mlflow_server, made.version))
        noted = tags(mlflow_server, made.version)
        assert noted["leanstage.status"] == "running"
        folder = tmp_path / "home" / "trigger" / noted["leanstage.run"]

        def ended() -> bool:
            status = tags(mlflow_server, made.version).get("leanstage.status")
            return status not in ("running", "queued")

        until(ended, 900)
        log = (folder / "supervisor.log").read_text()
        assert tags(mlflow_server, made.version)["leanstage.status"] == "promoted", log

        champion = mlflow_server.client("gate").get_model_version_by_alias(LEAN, "champion")
        assert champion.tags["leanstage.verdict"] == "PROMOTE_OPTIMIZED"
        assert champion.tags["leanstage.source"] == f"{NAME}/{made.version}"
        (run,) = mlflow_server.client("gate").search_runs(
            [mlflow_server.client("gate").get_experiment_by_name("hooked-runs").experiment_id],
            f"tags.`leanstage.request` = '{noted['leanstage.run']}'",
        )
        assert run.data.tags["leanstage.promoted"] == f"models:/{LEAN}/{champion.version}"

        # What the run wrote wakes the trigger too, and starts nothing more.
        time.sleep(2)
        runs = list((tmp_path / "home" / "trigger").iterdir())
        assert runs == [folder]
        assert "Traceback" not in service.log
    finally:
        with mlflow_server.as_user("admin"):
            connect().delete_webhook(webhook.webhook_id)
