"""The same against an MLflow server with accounts, which hands bytes through itself."""

from datetime import timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient

from leanstage.audit import survey
from leanstage.gate import attestation
from tests.audit.conftest import PROMPT, Shipping
from tests.mlflow_server import GATE, MlflowServer


def test_what_a_server_keeps_is_found_and_verified(
    mlflow_server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = attestation.generate(tmp_path / "keys")
    monkeypatch.setenv("LEANSTAGE_KEY", str(pair.private))
    monkeypatch.setenv("LEANSTAGE_TRUST", str(tmp_path / "keys"))
    with mlflow_server.as_user(GATE):
        shipping = Shipping(tmp_path, mlflow_server.uri)
        shipping.ship("audited-lean")
        shipping.ship("audited-kept", justified_for=timedelta(days=9))
        shipping.ship("audited-hidden")
        ((key, value),) = PROMPT.items()
        shipping.client.set_registered_model_tag("audited-hidden", key, value)
        # With both tags neither a search nor the number shows a version.
        shipping.client.create_registered_model("audited-ghost")
        shipping.client.create_model_version("audited-ghost", "s3://nowhere/ghost")
        shipping.client.set_registered_model_alias("audited-ghost", "champion", "1")
        shipping.client.set_model_version_tag("audited-ghost", "1", key, value)
        shipping.client.set_registered_model_tag("audited-ghost", key, value)
        shipping.client.register_prompt("audited-greeting", "Hello {{name}}")
        shipping.client.set_prompt_alias("audited-greeting", "champion", 1)
        asked: list[str] = []
        ask = MlflowClient.get_logged_model
        monkeypatch.setattr(
            MlflowClient, "get_logged_model", lambda self, key: asked.append(key) or ask(self, key)
        )
        found = {
            entry.model: (entry.status, len(entry.techniques))
            for entry in survey(tell=lambda _: None).entries
            if entry.model.startswith("audited-")
        }
    assert found == {
        "audited-lean": ("optimized", 3),
        "audited-kept": ("justified", 3),
        "audited-hidden": ("optimized", 3),
        "audited-ghost": ("never-evaluated", 0),
    }
    names = ("audited-lean", "audited-kept", "audited-hidden")
    with mlflow_server.as_user(GATE):
        sources = [shipping.client.get_model_version(name, "1").source for name in names]
    one_by_one = {source.rpartition("/")[2] for source in sources} & set(asked)
    assert len(one_by_one) <= 1, "where they lie is asked once for all that lie together"
