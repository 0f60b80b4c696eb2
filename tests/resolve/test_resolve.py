"""Resolve refuses early, and writes to MLflow only when everything fits."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from leanstage.contracts import HardwareProfile, RunContext
from leanstage.errors import InputError
from leanstage.resolve import Request, Targets, resolve
from leanstage.tasks import open_split

Checkpoint = Callable[[str], Path]

pytestmark = pytest.mark.usefixtures("mlflow_here")


@pytest.fixture
def request_(tiny_checkpoint: Checkpoint, data: dict[str, Path]) -> Request:
    return Request(
        model=str(tiny_checkpoint("bert")),
        train=str(data["train"]),
        evaluation=str(data["evaluation"]),
        name="tiny",
    )


def run(request: Request, tmp_path: Path) -> RunContext:
    names = [field.name for field in fields(Targets)]
    return resolve(request, Targets(**{name: tmp_path / "out" / name for name in names}))


def store() -> MlflowClient:
    """The MLflow of this test; the library may not have been told of it yet."""
    uri = os.environ["MLFLOW_TRACKING_URI"]
    return MlflowClient(uri, registry_uri=uri)


def refused(request: Request, tmp_path: Path) -> str:
    with pytest.raises(InputError) as caught:
        run(request, tmp_path)
    client = store()
    assert not client.search_registered_models(), "a refused request left a registered model"
    experiments = [e.experiment_id for e in client.search_experiments()]
    assert not client.search_runs(experiments), "a refused request left a run"
    return str(caught.value)


def test_a_good_request_pins_everything(request_: Request, tmp_path: Path) -> None:
    context = run(request_, tmp_path)
    assert (context.source.name, context.source.version) == ("tiny", "1")
    assert context.train.n + context.validation.n == 600
    assert context.evaluation.n == 400
    assert context.unlabelled.n == 0
    found = store().get_run(context.run_id)
    assert found.data.params["baseline_digest"] == context.baseline_digest
    assert RunContext.load(tmp_path / "out" / "context") == context


def test_the_profile_that_was_named_is_kept_with_the_run(request_: Request, tmp_path: Path) -> None:
    profile = HardwareProfile(name="pool", cpu="x", family=6, model=1, threads=2, memory_bytes=1)
    path = profile.save(tmp_path / "pool.json")
    context = run(replace(request_, hardware=str(path)), tmp_path)
    assert context.hardware == profile
    assert store().get_run(context.run_id).data.params["hardware"] == "pool"


def test_the_policy_says_what_serves(request_: Request, tmp_path: Path) -> None:
    profile = HardwareProfile(name="pool", cpu="x", family=6, model=1, threads=2, memory_bytes=1)
    path = profile.save(tmp_path / "pool.json")
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"hardware: {path}\n")
    request = replace(request_, policy=str(policy))
    message = refused(replace(request, hardware="another"), tmp_path)
    assert message.endswith(f"names {path}: leave it out (policy.untrusted).")
    assert run(request, tmp_path).hardware == profile


def test_on_a_cluster_the_hardware_has_to_be_named(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    assert "the hardware cannot be 'auto'" in refused(request_, tmp_path)
    assert "no hardware profile named 'pool'" in refused(
        replace(request_, hardware="pool"), tmp_path
    )


def test_whoever_asked_finds_the_run_by_its_own_name(request_: Request, tmp_path: Path) -> None:
    context = run(replace(request_, request="leanstage-tiny-v1-a1"), tmp_path)
    assert store().get_run(context.run_id).data.tags["leanstage.request"] == "leanstage-tiny-v1-a1"


def test_the_same_model_is_not_registered_twice(request_: Request, tmp_path: Path) -> None:
    first = run(request_, tmp_path / "a")
    assert run(request_, tmp_path / "b").source == first.source


def test_a_version_of_the_registry_keeps_its_name(request_: Request, tmp_path: Path) -> None:
    first = run(request_, tmp_path / "a")
    again = run(replace(request_, model="models:/tiny/1", name=""), tmp_path / "b")
    assert again.source == first.source
    assert again.baseline_digest == first.baseline_digest


def test_a_version_that_is_not_there(request_: Request, tmp_path: Path) -> None:
    assert "does not exist in MLflow" in refused(
        replace(request_, model="models:/tiny/7", name=""), tmp_path
    )


def test_a_hub_that_cannot_be_reached(request_: Request, tmp_path: Path) -> None:
    message = refused(replace(request_, model="hf://org/name@main"), tmp_path)
    assert "hf://org/name@main cannot be fetched" in message


def test_overlap_is_counted_and_refused(request_: Request, tmp_path: Path) -> None:
    leaked = Path(request_.train).read_text().splitlines()[:7]
    path = tmp_path / "leaky.jsonl"
    path.write_text(Path(request_.evaluation).read_text() + "\n".join(leaked) + "\n")
    message = refused(replace(request_, evaluation=str(path)), tmp_path)
    assert "of 407 evaluation rows" in message


@pytest.mark.parametrize("split", ["validation", "unlabelled"])
def test_overlap_with_any_other_split_is_refused(
    split: str, request_: Request, tmp_path: Path
) -> None:
    message = refused(replace(request_, **{split: request_.evaluation}), tmp_path)
    assert message.startswith("400 of 400 evaluation rows")
    assert split in message


def test_validation_rows_that_are_trained_on_are_refused(request_: Request, tmp_path: Path) -> None:
    message = refused(replace(request_, validation=request_.train), tmp_path)
    assert message.startswith("600 of 600 validation rows")
    assert "the training split" in message


def test_what_settings_are_chosen_on_is_not_learnt(request_: Request, tmp_path: Path) -> None:
    """Where all text there is comes in one file, validation rows held out of it are in it, too."""
    run(replace(request_, unlabelled=request_.train), tmp_path)
    splits = {name: open_split(tmp_path / "out" / name) for name in ("validation", "unlabelled")}
    held, learnt = (set(split.texts) for split in splits.values())
    assert held
    assert not held & learnt
    assert len(held | learnt) > 500


def test_overlap_may_be_accepted_by_policy_and_is_recorded(
    request_: Request, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("allow_overlap: true\n")
    context = run(replace(request_, evaluation=request_.train, policy=str(policy)), tmp_path)
    assert context.evaluation.overlap_with_train > 0


def test_a_baseline_that_guesses_is_refused(request_: Request, tmp_path: Path) -> None:
    """Swapped labels load without a complaint; only the answers show them."""
    folder = Path(shutil.copytree(request_.model, tmp_path / "swapped"))
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {"0": "positive", "1": "negative"}
    config["label2id"] = {"positive": 0, "negative": 1}
    (folder / "config.json").write_text(json.dumps(config))
    rows = [json.loads(line) for line in Path(request_.train).read_text().splitlines()]
    named = tmp_path / "named.jsonl"
    names = ("negative", "positive")
    named.write_text(
        "".join(json.dumps({"text": r["text"], "label": names[r["label"]]}) + "\n" for r in rows)
    )
    message = refused(replace(request_, model=str(folder), train=str(named)), tmp_path)
    assert "no better than guessing" in message


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("tolerence: 0.02\n", "did you mean 'tolerance'"),
        ("tolerance: 2\n", "tolerance"),
        ("tolerance: .nan\n", "tolerance"),
        ("margin: 0.001\n", "margin must be at least tolerance"),
        ("[1, 2]\n", "not a policy"),
        ("models: [other-*]\n", "covers other-*"),
        (f"evaluation_sha256: {'a' * 64}\n", "not the evaluation data of the policy"),
    ],
)
def test_a_policy_that_does_not_hold(
    request_: Request, tmp_path: Path, policy: str, said: str
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(policy)
    assert said in refused(replace(request_, policy=str(path)), tmp_path)


def test_what_to_deploy_is_one_of_two(request_: Request, tmp_path: Path) -> None:
    assert "'fast' cannot be deployed" in refused(replace(request_, deploy="fast"), tmp_path)
