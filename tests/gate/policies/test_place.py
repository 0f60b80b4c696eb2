"""The policy that holds comes from a place of the gate's own, whatever a run states."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from leanstage.contracts import ModelPolicy
from leanstage.errors import InputError
from leanstage.gate.policies import (
    disagreement,
    load_policy,
    policy_for,
    publish,
    tree_override,
)

LENIENT = load_policy("lenient")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as a ConfigMap is mounted: links at the top, the files in a hidden folder."""
    place = tmp_path / "policies"
    hidden = place / "..data"
    hidden.mkdir(parents=True)
    for name, models in (("all", "*"), ("fraud", "fraud-*"), ("fraud-eu", "fraud-eu")):
        text = f"name: {name}\nmodels: ['{models}']\n"
        (hidden / f"{name}.yaml").write_text(text)
        (place / f"{name}.yaml").symlink_to(hidden / f"{name}.yaml")
    monkeypatch.setenv("LEANSTAGE_POLICY", str(place))
    return place


@pytest.mark.parametrize(
    ("model", "policy"), [("reviews", "all"), ("fraud-us", "fraud"), ("fraud-eu", "fraud-eu")]
)
def test_the_closest_policy_in_a_folder_holds(folder: Path, model: str, policy: str) -> None:
    placed = policy_for(model, LENIENT)
    assert placed.policy.name == policy
    assert placed.trusted
    said = disagreement(LENIENT, placed)
    assert said is not None
    assert "lenient" in said
    assert str(folder) in said
    assert disagreement(placed.policy, placed) is None


def test_two_policies_that_fit_equally_are_refused(folder: Path) -> None:
    (folder / "second.yaml").write_text("name: second\nmodels: ['fraud-*']\n")
    with pytest.raises(InputError, match=r"fraud and second .* equally well"):
        policy_for("fraud-us", None)


def test_the_same_name_twice_is_refused(folder: Path) -> None:
    (folder / "copy.yml").write_text("name: all\nmodels: ['x']\n")
    with pytest.raises(InputError, match="the policy all stands twice"):
        policy_for("reviews", None)


def test_a_model_that_no_policy_covers_is_refused(folder: Path) -> None:
    (folder / "all.yaml").unlink()
    with pytest.raises(InputError, match=r"no policy in .* covers the model 'reviews'"):
        policy_for("reviews", LENIENT)


def test_one_broken_policy_refuses_all(folder: Path) -> None:
    (folder / "broken.yaml").write_text("tolerence: 1\n")
    with pytest.raises(InputError, match=r"broken\.yaml has the unknown key"):
        policy_for("reviews", None)


def test_on_a_server_without_a_place_only_the_default_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    placed = policy_for("reviews", LENIENT)
    assert placed.policy == ModelPolicy()
    assert disagreement(LENIENT, placed) is not None


def test_the_embedded_mlflow_takes_the_policy_of_the_run() -> None:
    placed = policy_for("reviews", LENIENT)
    assert placed.policy == LENIENT
    assert not placed.trusted
    assert policy_for("reviews", None).policy == ModelPolicy()


def test_a_policy_published_in_mlflow_is_found_and_the_newest_holds(
    mlflow_here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(ModelPolicy(name="reviews", models=("reviews",)), "gate-policies")
    publish(ModelPolicy(name="reviews", models=("reviews",), min_n=999), "gate-policies")
    publish(ModelPolicy(name="rest"), "gate-policies")
    monkeypatch.setenv("LEANSTAGE_POLICY", "mlflow:gate-policies")
    assert policy_for("reviews", None).policy.min_n == 999
    assert policy_for("other", None).policy.name == "rest"


def test_a_published_policy_that_was_changed_is_refused(
    mlflow_here: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run_id = publish(ModelPolicy(), "gate-policies")
    changed = tmp_path / "policy.yaml"
    changed.write_text("name: default\ntolerance: 0.02\n")
    client = MlflowClient(mlflow_here, registry_uri=mlflow_here)
    client.log_artifact(run_id, str(changed))
    monkeypatch.setenv("LEANSTAGE_POLICY", "mlflow:gate-policies")
    with pytest.raises(InputError, match="changed after it was published"):
        policy_for("reviews", None)


def test_an_experiment_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANSTAGE_POLICY", "mlflow:nowhere")
    with pytest.raises(InputError, match="no experiment 'nowhere'"):
        policy_for("reviews", None)


@pytest.mark.parametrize("name", ["decision-tree.yaml", "decision-tree.yml"])
def test_branches_of_the_decision_tree_may_lie_beside_the_policies(folder: Path, name: str) -> None:
    assert tree_override() is None
    (folder / name).write_text("name: own\nbranches: []\n")
    assert tree_override() == folder / name
    assert policy_for("reviews", None).policy.name == "all"


def test_but_in_one_file(folder: Path) -> None:
    for name in ("decision-tree.yaml", "decision-tree.yml"):
        (folder / name).write_text("name: own\nbranches: []\n")
    with pytest.raises(InputError, match="keep one of them"):
        tree_override()


def test_or_where_a_variable_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "decision-tree.yaml").write_text("name: own\nbranches: []\n")
    monkeypatch.setenv("LEANSTAGE_TREE", "elsewhere.yaml")
    assert tree_override() == Path("elsewhere.yaml")


def test_policies_in_mlflow_have_nothing_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEANSTAGE_TREE", raising=False)
    monkeypatch.setenv("LEANSTAGE_POLICY", "mlflow:gate-policies")
    assert tree_override() is None
