"""Promotion moves the alias last, and only for the decided bytes. Against a real MLflow."""

import json
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from leanstage.errors import BlockedError, LeanstageError
from leanstage.gate import attestation
from leanstage.gate.promotion import promote
from leanstage.registry import champions, runs
from leanstage.registry.client import RegistryError


def test_the_decided_bytes_become_the_champion(promoting: Any, tmp_path: Path) -> None:
    decision = promoting.decision()
    version = promoting.promote(decision)
    assert champions.champion("tiny") == version
    found = promoting.client.get_model_version_by_alias("tiny", "champion")
    assert str(found.version) == version.version
    assert found.tags["leanstage.digest"] == decision.digest
    assert found.tags["leanstage.state"] == "promoted"
    assert found.tags["leanstage.replaced"] == "none"
    assert promoting.client.get_run(decision.run_id).info.status == "FINISHED"
    stored = promoting.download(version)
    verified = attestation.verify(stored, attestation.trusted_keys(), promoting.now)
    assert verified.decision == decision
    assert sorted(path.name for path in (stored / "attestation").iterdir()) == [
        "decision.dsse.json"
    ]


def test_the_next_champion_records_whom_it_replaced(promoting: Any) -> None:
    first = promoting.promote(promoting.decision())
    second = promoting.promote(promoting.decision())
    found = promoting.client.get_model_version("tiny", second.version)
    assert found.tags["leanstage.replaced"] == f"tiny/{first.version}"
    assert champions.champion("tiny") == second


def test_promoting_again_changes_nothing(promoting: Any) -> None:
    decision = promoting.decision()
    first = promoting.promote(decision)
    assert promoting.promote(decision) == first
    assert len(promoting.versions()) == 2, "the baseline and the champion"


def test_the_policy_says_where_promoted_bytes_go(promoting: Any) -> None:
    policy = promoting.policy.model_copy(
        update={"promoted_model": "{name}-lean", "promoted_experiment": "the-gate"}
    )
    version = promoting.promote(promoting.decision(policy=policy))
    assert version.name == "tiny-lean"
    experiment = promoting.client.get_experiment_by_name("the-gate")
    (model,) = promoting.client.search_logged_models([experiment.experiment_id])
    assert model.name.startswith("sha256-")
    assert champions.champion("tiny") is None


def test_a_blocked_decision_promotes_nothing(promoting: Any, tmp_path: Path) -> None:
    decision = promoting.blocked()
    with pytest.raises(BlockedError, match="nothing was promoted"):
        promoting.promote(decision)
    assert champions.champion("tiny") is None
    assert not promoting.target.exists()


def test_a_decision_that_was_not_signed_is_refused(promoting: Any) -> None:
    signed = promoting.blocked()
    forged = promoting.unsigned(run_id=signed.run_id)
    with pytest.raises(LeanstageError, match="differs from the one that was signed"):
        promote(forged, variants=promoting.variants(forged), target=promoting.target)
    assert champions.champion("tiny") is None


def test_a_run_without_a_signed_decision_is_refused(promoting: Any) -> None:
    forged = promoting.unsigned()
    with pytest.raises(LeanstageError, match="holds no signed decision"):
        promote(forged, variants=promoting.variants(forged), target=promoting.target)


def test_a_decision_signed_with_another_key_is_refused(
    promoting: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoting.blocked()  # makes the genuine key
    pair = attestation.generate(tmp_path / "attacker")
    with monkeypatch.context() as patched:
        patched.setenv("LEANSTAGE_KEY", str(pair.private))
        decision = promoting.decision()
    with pytest.raises(LeanstageError, match="key"):
        promoting.promote(decision)
    assert champions.champion("tiny") is None


def test_swapped_weights_are_refused(promoting: Any) -> None:
    decision = promoting.decision()
    path = promoting.variants(decision)["optimized"] / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(LeanstageError, match="not what was signed"):
        promoting.promote(decision)
    assert champions.champion("tiny") is None
    assert not promoting.target.exists()


def test_bytes_that_the_store_changed_are_not_promoted(
    promoting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = MlflowClient.log_model_artifacts

    def meddling(self: MlflowClient, model_id: str, local_dir: str, **more: object) -> None:
        config = Path(local_dir) / "config.json"
        before = config.read_bytes()
        config.unlink()
        config.write_text(json.dumps({**json.loads(before), "meddled": True}))
        genuine(self, model_id, local_dir, **more)
        config.write_bytes(before)

    monkeypatch.setattr(MlflowClient, "log_model_artifacts", meddling)
    with pytest.raises(LeanstageError, match="not what was signed"):
        promoting.promote(promoting.decision())
    assert champions.champion("tiny") is None
    assert [entry.state for entry in champions.history("tiny")] == ["abandoned"]


def test_a_champion_that_changed_since_the_decision_stops_the_promotion(
    promoting: Any,
) -> None:
    late = promoting.decision()
    first = promoting.promote(promoting.decision())
    with pytest.raises(champions.ChampionError, match="the decision was made when it was none"):
        promoting.promote(late)
    assert champions.champion("tiny") == first


def test_an_alias_that_was_moved_by_hand_is_set_right_by_the_next_promotion(
    promoting: Any,
) -> None:
    promoting.promote(promoting.decision())
    promoting.client.set_registered_model_alias("tiny", "champion", "1")
    second = promoting.promote(promoting.decision())
    found = promoting.client.get_model_version_by_alias("tiny", "champion")
    assert str(found.version) == second.version


def test_no_mlflow_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(RegistryError, match="MLFLOW_TRACKING_URI is not set"):
        runs.start_run("x", {})


def test_a_password_in_the_uri_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError) as caught:
        champions.champion("tiny")
    assert "127.0.0.1:9" in str(caught.value)
    assert "secret" not in str(caught.value)
