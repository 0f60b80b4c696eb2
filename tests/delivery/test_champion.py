"""From a decision to what serves: real MLflow, a real signature, and a cluster over HTTP."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from leanstage.components.promote import component
from leanstage.contracts import ModelPolicy, Target
from leanstage.delivery.champion import deliver
from leanstage.gate.attestation import VerificationError, trust_of
from leanstage.registry import champions, runs
from tests.command import Command
from tests.delivery.cluster import Cluster, Object
from tests.delivery.conftest import Delivered

NAMESPACE = "team-a"


@pytest.fixture
def policy(delivered: Delivered, monkeypatch: pytest.MonkeyPatch) -> ModelPolicy:
    """A policy that names where the champion serves."""
    monkeypatch.setenv("LEANSTAGE_TRUST_KEYS", delivered.key.read_text())
    monkeypatch.setenv("LEANSTAGE_TRUST_REVOKED", "")
    target = Target(namespace=NAMESPACE, ready_minutes=0.05)
    return delivered.promoting.policy.model_copy(update={"target": target})


def promoted(delivered: Delivered, policy: ModelPolicy, tmp_path: Path) -> None:
    """The component as a task runs it."""
    promoting = delivered.promoting
    decision = promoting.decision(policy=policy)
    paths = promoting.variants(decision)
    files = {
        role: SimpleNamespace(path=str(paths.get(role, promoting.baseline.path)))
        for role in ("baseline", "optimized", "fallback")
    }
    component.promote.python_func(
        decision=SimpleNamespace(path=str(decision.save(tmp_path / "decision.json"))),
        **files,
        promoted=SimpleNamespace(path=str(tmp_path / "out")),
    )


def model(cluster: Cluster, name: str) -> Object:
    return dict(cluster.services[NAMESPACE, name]["spec"]["predictor"]["model"])


def test_a_promotion_ends_with_the_service_that_the_policy_names(
    delivered: Delivered, policy: ModelPolicy, cluster: Cluster, tmp_path: Path
) -> None:
    name = delivered.address.name
    promoted(delivered, policy, tmp_path)
    champion = champions.promoted_entries(champions.history(name))[0]
    digest = champion.tags["leanstage.digest"]
    assert model(cluster, name)["storageUri"] == f"leanstage://{name}@{digest}"
    metadata = cluster.services[NAMESPACE, name]["metadata"]
    assert metadata["annotations"]["leanstage.io/version"] == f"{name}/{champion.number}"
    run = metadata["annotations"]["leanstage.io/run"]
    assert runs.tags_of(run)["leanstage.serves"] == f"{NAMESPACE}/{name}"


def test_a_promotion_that_does_not_serve_fails_and_another_run_finishes_it(
    delivered: Delivered,
    policy: ModelPolicy,
    cluster: Cluster,
    command: Command,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = delivered.address.name
    promoted(delivered, policy, tmp_path)
    before = model(cluster, name)
    cluster.forbidden.add("patch")
    with pytest.raises(SystemExit) as ended:
        promoted(delivered, policy, tmp_path)
    assert ended.value.code == 1
    assert f"give this account the role leanstage-rollout in {NAMESPACE}" in capsys.readouterr().err
    assert model(cluster, name) == before
    cluster.forbidden.clear()
    champion = champions.promoted_entries(champions.history(name))[0]
    code, out, _ = command("rollout", name)
    assert code == 0
    assert f"{NAMESPACE}/{name} serves version {champion.number} of {name}, leanstage://" in out
    assert model(cluster, name)["storageUri"].endswith(champion.tags["leanstage.digest"])
    code, out, _ = command("rollout", name)
    assert code == 0
    assert "as it did before" in out


def test_a_rollback_serves_as_well(
    delivered: Delivered, policy: ModelPolicy, cluster: Cluster, command: Command, tmp_path: Path
) -> None:
    name = delivered.address.name
    promoted(delivered, policy, tmp_path)
    first = model(cluster, name)
    promoted(delivered, policy, tmp_path)
    assert model(cluster, name) != first
    code, out, said = command("rollback", name)
    assert code == 0, said
    assert f"InferenceService {NAMESPACE}/{name} serves it: 1 pods are ready." in out
    assert model(cluster, name) == first


def test_a_rollback_to_before_there_was_a_target_serves_by_the_one_after(
    delivered: Delivered, policy: ModelPolicy, cluster: Cluster, command: Command, tmp_path: Path
) -> None:
    name = delivered.address.name
    promoted(delivered, policy, tmp_path)
    code, out, said = command("rollback", name)
    assert code == 0, said
    assert f"InferenceService {NAMESPACE}/{name} serves it" in out
    assert model(cluster, name)["storageUri"] == str(delivered.address)


def test_where_no_policy_names_a_service_a_rollback_says_so(
    delivered: Delivered, policy: ModelPolicy, cluster: Cluster, command: Command
) -> None:
    delivered.promoting.promote(delivered.promoting.decision())
    code, out, said = command("rollback", delivered.address.name)
    assert code == 0, said
    assert "No InferenceService was changed: no policy of theirs names one" in out
    assert policy.target is not None
    assert cluster.log == []


def test_a_note_that_cannot_be_written_changes_nothing(
    delivered: Delivered, policy: ModelPolicy, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    with delivered.server.as_user("sam"):
        done = deliver(
            delivered.version, trust_of([delivered.key]), datetime.now(UTC), target=policy.target
        )
    assert done is not None
    assert "not noted in MLflow" in capsys.readouterr().out


def test_the_command_may_name_another_service(
    delivered: Delivered, policy: ModelPolicy, cluster: Cluster, command: Command
) -> None:
    name = delivered.address.name
    code, _, said = command("rollout", name)
    assert code == 2
    assert "names no InferenceService; name it here (--to NAMESPACE/SERVICE)" in said
    code, _, said = command("rollout", name, "--to", "team-b/film-reviews")
    assert code == 0, said
    assert ("team-b", "film-reviews") in cluster.services
    for wrong in ("team-b", "Team/x", "team-b/-", "team-b/a b"):
        code, _, said = command("rollout", name, "--to", wrong)
        assert code == 2
        assert f"--to {wrong} is not of the form NAMESPACE/SERVICE" in said
    code, _, said = command("rollout", "nothing-here")
    assert code == 2
    assert "has no champion; promote a variant first" in said
    assert policy.target is not None


def test_what_is_revoked_is_not_served(
    delivered: Delivered, policy: ModelPolicy, cluster: Cluster, tmp_path: Path
) -> None:
    path = tmp_path / "revoked.yaml"
    path.write_text(yaml.safe_dump({"digests": {delivered.address.digest: "it leaks"}}))
    with pytest.raises(VerificationError, match="revoked: it leaks"):
        deliver(
            delivered.version,
            trust_of([delivered.key], path),
            datetime.now(UTC),
            target=policy.target,
        )
    assert cluster.log == []


def test_a_manifest_that_was_changed_says_nothing(
    delivered: Delivered, policy: ModelPolicy, cluster: Cluster
) -> None:
    manifest = delivered.stored / "leanstage.json"
    manifest.write_text(manifest.read_text().replace('"onnxruntime"', '"torch"') + " ")
    with pytest.raises(Exception, match=r"leanstage\.json"):
        deliver(
            delivered.version, trust_of([delivered.key]), datetime.now(UTC), target=policy.target
        )
    assert cluster.log == []
