"""`leanstage calibrate`: what it prints, writes, logs and refuses."""

from functools import partial
from pathlib import Path

import pytest
from mlflow import MlflowClient

from leanstage.calibrate import find_profile
from leanstage.calibrate import forms as forms_module
from leanstage.calibrate.measure import Effort
from leanstage.contracts import HardwareProfile
from leanstage.energy.parent import WORKER_ENVIRONMENT
from tests.calibrate.conftest import cluster
from tests.calibrate.nodes_api import XEON, Nodes, node
from tests.command import Command

__all__ = ["cluster"]


@pytest.fixture
def leanstage(
    command: Command, monkeypatch: pytest.MonkeyPatch, embedded_mlflow: str, tmp_path: Path
) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for variable, value in WORKER_ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)

    return partial(command, "calibrate")


def test_it_measures_prints_writes_and_logs(
    leanstage: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(*_: object) -> object:
        raise ModuleNotFoundError("No module named '[/bitsandbytes]'")

    tried = {"half-depth": forms_module.FORMS["half-depth"], "bitsandbytes-int8": missing}
    monkeypatch.setattr(forms_module, "FORMS", tried)
    brief = Effort(rounds=2, seconds=0.01, shapes=("2x64",))
    monkeypatch.setattr("leanstage.calibrate.measure.QUICK", brief)
    code, out, err = leanstage("--quick", "--name", "here", "--log")
    assert code == 0, err
    profile = HardwareProfile.load(tmp_path / "hardware.json")
    assert find_profile("here") == profile
    assert profile.calibration is not None
    (first, *_) = profile.calibration.gains
    assert f"{first.ratio:.2f}" in out
    assert "'[/bitsandbytes]'." in out
    assert "batches of 8, round 2 of 2" in err
    assert profile.kind() in " ".join(out.split())


def test_the_nodes_of_a_pool_are_described_and_not_measured(
    leanstage: Command,
    cluster: Nodes,
    tmp_path: Path,
) -> None:
    cluster.nodes = [node("a", XEON), node("b", XEON)]
    code, out, _ = leanstage("--nodes", "pool=serving", "--name", "serving", "--out", "p/pool.json")
    assert code == 0
    profile = HardwareProfile.load(tmp_path / "p/pool.json")
    assert (profile.name, profile.model, profile.calibration) == ("serving", 143, None)
    assert "family 6, model 143" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--nodes", "pool=serving", "--quick"), "--nodes measures nothing"),
        (("--log",), "cannot name a hardware profile"),
        (("--name", "a/b"), "cannot name a hardware profile"),
        (("--shape", "wide"), "'wide' is no shape to calibrate"),
        (("--out", "/proc/x.json"), "/proc/x.json cannot be written"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    leanstage: Command, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    code, _, err = leanstage(*arguments)
    assert code == 2
    assert sentence in err
    assert not (tmp_path / "hardware.json").exists()


def test_an_mlflow_that_refuses_is_told_before_anything_is_measured(
    leanstage: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    code, _, err = leanstage("--name", "here", "--log")
    assert code == 1
    assert "MLflow at http://127.0.0.1:1 refused" in err
    assert not (tmp_path / "hardware.json").exists()


def test_the_metrics_of_the_run_say_each_ratio(
    embedded_mlflow: str, leanstage: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = {"sparsity-2:4": forms_module.FORMS["sparsity-2:4"]}
    monkeypatch.setattr(forms_module, "FORMS", tried)
    brief = Effort(rounds=2, seconds=0.01, shapes=("2x64",))
    monkeypatch.setattr("leanstage.calibrate.measure.QUICK", brief)
    assert leanstage("--quick", "--name", "here", "--log")[0] == 0
    client = MlflowClient(embedded_mlflow)
    experiment = client.get_experiment_by_name("leanstage-hardware")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.metrics.keys() == {
        "sparsity-2-of-4.2x64.batch-1", "sparsity-2-of-4.2x64.batch-8",
    }  # fmt: skip
    assert run.data.tags["leanstage.hardware"] == "here"
