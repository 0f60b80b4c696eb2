"""A genuine justification counts for what it was written for; tried on a real server."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from leanstage.contracts import VariantManifest
from leanstage.gate.justify import JUSTIFICATION
from leanstage.registry.sources import fetch_model
from leanstage.registry.versions import register
from leanstage.variant import MANIFEST, Variant, content_digest


def test_another_version(case: Any, baseline: Any) -> None:
    case.justify()
    with case.server.as_user("sam"):
        other = register(baseline, case.source.name, experiment=case.work, run_id=None, tags={})
    case.plant("ada", case.approvals, case.justification(source=other))
    case.source = other
    reason = case.refusal()
    assert reason.code == "justification.mismatch", "evidence is of the first version"
    assert "model version" in reason.sentence


def test_a_model_deleted_and_made_again(case: Any, baseline: Any) -> None:
    case.justify()
    case.server.client("sam").delete_registered_model(case.source.name)
    with case.server.as_user("sam"):
        again = register(baseline, case.source.name, experiment=case.work, run_id=None, tags={})
    assert again.version == case.source.version
    case.source = again
    reason = case.refusal(source=again)
    assert reason.code == "justification.mismatch"
    assert "registration of that version" in reason.sentence


def test_swapped_weights(case: Any, baseline: Variant, tmp_path: Path) -> None:
    case.justify()
    evil = tmp_path / "evil"
    shutil.copytree(baseline.path, evil)
    content = bytearray((evil / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (evil / "model.safetensors").write_bytes(content)
    client = case.server.client("sam")
    version = client.get_model_version(case.source.name, case.source.version)
    client.log_model_artifacts(version.source.removeprefix("models:/"), str(evil))
    with case.server.as_user("gate"):
        served, _ = fetch_model(f"models:/{version.name}/{version.version}", tmp_path / "served")
        digest = content_digest(served, VariantManifest.load(served / MANIFEST))
    assert digest != baseline.digest
    # Even if all evidence is made again with the swapped weights.
    case.evidence = case.evidence_on(case.source, case.evidence.run_id, digest)
    reason = case.refusal()
    assert reason.code == "justification.mismatch"
    assert "baseline digest" in reason.sentence


def test_a_rewritten_document(case: Any) -> None:
    written = case.justify(expires=case.evidence.now.date().isoformat())
    longer = case.justification(expires="2099-12-31").save(case.folder / JUSTIFICATION)
    client = case.server.client("ada")
    client.log_artifact(written.run_id, str(longer))
    assert case.refusal().code == "justification.tampered"
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_param(written.run_id, "justification_sha256", case.justification().sha256())


def test_an_unfinished_run(case: Any) -> None:
    written = case.justify()
    case.server.client("ada").update_run(written.run_id, status="RUNNING")
    assert case.refusal().code == "justification.missing"


def test_one_that_expired(case: Any) -> None:
    case.justify(expires=case.evidence.now.date().isoformat())
    assert case.decide().verdict == "PROMOTE_BASELINE"
    reason = case.refusal(now=case.evidence.now + timedelta(days=1))
    assert reason.code == "justification.expired"


def test_one_under_another_policy(case: Any) -> None:
    case.justify()
    case.policy = case.policy.model_copy(update={"tolerance": 0.015})
    reason = case.refusal()
    assert reason.code == "justification.mismatch"
    assert "policy" in reason.sentence
