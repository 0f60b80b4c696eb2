"""Promotion moves the alias last, and only for the decided bytes. Against a real MLflow."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient

from leanstage.contracts import Decision, RunContext
from leanstage.errors import BlockedError, InputError, LeanstageError
from leanstage.gate.approvals import find_justifications, justify
from leanstage.gate.promotion import promote
from leanstage.gate.step import guarantee, keep_decision
from leanstage.registry import runs
from leanstage.registry.client import RegistryError
from leanstage.registry.versions import champion
from leanstage.resolve import Request, Targets, resolve

NAMES = ("baseline", "train", "validation", "evaluation", "unlabelled", "context")


@pytest.fixture
def targets(tmp_path: Path) -> Targets:
    return Targets(**{name: tmp_path / "in" / name for name in NAMES})


@pytest.fixture
def context(
    tiny_checkpoint: Callable[[str], Path], data: dict[str, Path], targets: Targets
) -> RunContext:
    return resolve(
        Request(
            model=str(tiny_checkpoint("bert")),
            train=str(data["train"]),
            evaluation=str(data["evaluation"]),
            name="tiny",
        ),
        targets,
    )


def decision_on(context: RunContext, **changes: object) -> Decision:
    fields: dict[str, object] = {
        "verdict": "PROMOTE_BASELINE",
        "sentence": "The baseline ships.",
        "promoted": "baseline",
        "digest": context.baseline_digest,
        "deploy": "baseline",
        "source": context.source,
        "baseline_digest": context.baseline_digest,
        "policy_name": context.policy.name,
        "policy_sha256": context.policy.sha256(),
        "evidence_sha256": "0" * 64,
        "guarantee": guarantee(),
        "run_id": context.run_id,
        "decided": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return Decision.model_validate(fields | changes)


def test_the_decided_bytes_become_the_champion(
    context: RunContext, targets: Targets, tmp_path: Path
) -> None:
    decision = decision_on(context)
    keep_decision(decision)
    version = promote(
        context, decision, variants={"baseline": targets.baseline}, target=tmp_path / "out"
    )
    assert champion("tiny") == version
    found = MlflowClient().get_model_version("tiny", version.version)
    assert found.tags["leanstage.digest"] == context.baseline_digest
    assert found.tags["leanstage.replaced"] == "none"
    assert MlflowClient().get_run(context.run_id).info.status == "FINISHED"


def test_a_blocked_decision_promotes_nothing(
    context: RunContext, targets: Targets, tmp_path: Path
) -> None:
    decision = decision_on(context, verdict="BLOCKED", promoted=None, digest=None)
    keep_decision(decision)
    with pytest.raises(BlockedError, match="nothing was promoted"):
        promote(context, decision, variants={"baseline": targets.baseline}, target=tmp_path / "o")
    assert champion("tiny") is None
    assert not (tmp_path / "o").exists()


def test_a_decision_that_mlflow_does_not_hold_is_refused(
    context: RunContext, targets: Targets, tmp_path: Path
) -> None:
    keep_decision(decision_on(context, verdict="BLOCKED", promoted=None, digest=None))
    with pytest.raises(LeanstageError, match="differs from the one kept in MLflow"):
        promote(
            context,
            decision_on(context),
            variants={"baseline": targets.baseline},
            target=tmp_path / "out",
        )
    assert champion("tiny") is None


def test_swapped_weights_are_refused(context: RunContext, targets: Targets, tmp_path: Path) -> None:
    decision = decision_on(context)
    keep_decision(decision)
    path = targets.baseline / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(LeanstageError, match="changed after it was written"):
        promote(context, decision, variants={"baseline": targets.baseline}, target=tmp_path / "out")
    assert champion("tiny") is None


def test_a_justification_is_found_as_it_was_written(context: RunContext, targets: Targets) -> None:
    keep_decision(decision_on(context, verdict="BLOCKED", promoted=None, digest=None))
    runs.log_file(context.run_id, named(targets.context))
    written = justify(
        model="tiny",
        version=context.source.version,
        decision_run_id=context.run_id,
        grounds="runtime",
        reason="The edge device runs PyTorch only.",
    )
    (found,) = find_justifications(context.source, context.policy.approvers)
    assert found.run_id == written.run_id
    assert found.finished
    assert found.justification is not None
    assert found.params["justification_sha256"] == found.justification.sha256()
    assert found.justification.policy_sha256 == context.policy.sha256()


def named(path: Path) -> Path:
    """The context under the name it is kept by."""
    copy = path.with_name("context.json")
    copy.write_bytes(path.read_bytes())
    return copy


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": "9"}, "not of tiny version 9"),
        ({"reason": "because"}, "too short"),
        ({"expires": "2020-01-01"}, "is past"),
        ({"expires": "soon"}, "not a date"),
        ({"attachments": [Path("/nowhere.pdf")]}, "not a file"),
        ({"decision_run_id": "0" * 32}, "holds no decision"),
    ],
)
def test_a_justification_that_cannot_be_one(
    context: RunContext, targets: Targets, changes: dict[str, object], said: str
) -> None:
    keep_decision(decision_on(context, verdict="BLOCKED", promoted=None, digest=None))
    runs.log_file(context.run_id, named(targets.context))
    arguments: dict[str, object] = {
        "model": "tiny",
        "version": context.source.version,
        "decision_run_id": context.run_id,
        "grounds": "runtime",
        "reason": "The edge device runs PyTorch only.",
    }
    with pytest.raises(InputError, match=said):
        justify(**(arguments | changes))  # type: ignore[arg-type]
    assert MlflowClient().get_experiment_by_name("leanstage-approvals") is None


def test_no_mlflow_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(RegistryError, match="MLFLOW_TRACKING_URI is not set"):
        runs.start_run("x", {})


def test_a_password_in_the_uri_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError) as caught:
        champion("tiny")
    assert "127.0.0.1:9" in str(caught.value)
    assert "secret" not in str(caught.value)
