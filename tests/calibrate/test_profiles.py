"""Profiles are found by name and place, and only as they were logged."""

import json
from pathlib import Path

import fsspec
import pytest
from mlflow import MlflowClient

from leanstage.calibrate import AUTO, find_profile, hardware_of, is_name, log_profile
from leanstage.calibrate.profiles import EXPERIMENT, prepare_logging
from leanstage.cluster import CLUSTER_VARIABLE
from leanstage.contracts import Calibration, Gain, HardwareProfile
from leanstage.errors import InputError


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ("serving-pool", True),
        (AUTO, True),
        ("h100.v2", True),
        ("pool.json", False),
        ("./pool", False),
        ("s3://profiles/pool.json", False),
        ("", False),
        ("a'b", False),
    ],
)
def test_a_name_is_told_from_a_place(wanted: str, named: bool) -> None:
    assert is_name(wanted) is named


def test_a_profile_in_a_file_or_a_store(tmp_path: Path, profile: HardwareProfile) -> None:
    assert find_profile(str(profile.save(tmp_path / "pool.json"))) == profile
    with fsspec.open("memory://profiles/pool.json", "wt") as stream:
        stream.write(profile.model_dump_json())
    assert find_profile("memory://profiles/pool.json") == profile


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("missing.json", "does not exist; give the profile that leanstage calibrate wrote"),
        ("broken.json", "is not a valid HardwareProfile"),
        ("folder/", "cannot be read"),
        ("nothing://x/y.json", "cannot be read: Protocol not known"),
    ],
)
def test_a_place_without_a_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text('{"cpu": "x"}')
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=sentence):
        find_profile(place)


def test_what_is_said_of_a_place_holds_no_password() -> None:
    with pytest.raises(InputError) as said:
        find_profile("http://user:sekret@127.0.0.1:9/pool.json")
    assert str(said.value).startswith("http://127.0.0.1:9/pool.json cannot be reached")
    assert "sekret" not in str(said.value)


def test_the_newest_of_a_name_holds(profile: HardwareProfile) -> None:
    newer = profile.model_copy(update={"threads": 16})
    log_profile(profile)
    log_profile(newer)
    log_profile(profile.model_copy(update={"name": "serving-pool-2"}))
    assert find_profile("serving-pool") == newer == hardware_of("serving-pool")


def test_a_calibrated_profile_is_not_hidden_by_one_that_measured_nothing(
    profile: HardwareProfile,
) -> None:
    gain = Gain(form="torch-bf16", shape="6x384", batch_size=1, ratio=0.5, ci95=(0.4, 0.6))
    calibration = Calibration(
        measured="2026-11-26", unit="CPU-seconds", versions={}, seconds=1.0, gains=(gain,)
    )
    calibrated = profile.model_copy(update={"calibration": calibration})
    log_profile(calibrated)
    with pytest.raises(InputError, match="holds a calibrated profile 'serving-pool'"):
        log_profile(profile)
    assert find_profile("serving-pool") == calibrated


def test_a_name_that_nobody_gave(profile: HardwareProfile) -> None:
    sentence = "no hardware profile named 'training-pool'; make one on the nodes that serve"
    with pytest.raises(InputError, match=sentence):
        find_profile("training-pool")
    log_profile(profile)
    with pytest.raises(InputError, match=sentence):
        find_profile("training-pool")


def test_a_profile_that_is_not_logged_to_its_end_is_not_found(
    profile: HardwareProfile, embedded_mlflow: str
) -> None:
    run_id = log_profile(profile)
    MlflowClient(embedded_mlflow).update_run(run_id, status="RUNNING")
    with pytest.raises(InputError, match="no hardware profile"):
        find_profile("serving-pool")


def test_a_profile_that_was_changed_since_is_refused(
    profile: HardwareProfile, embedded_mlflow: str, tmp_path: Path
) -> None:
    run_id = log_profile(profile)
    changed = profile.model_copy(update={"model": 85}).save(tmp_path / "profile.json")
    MlflowClient(embedded_mlflow).log_artifact(run_id, str(changed))
    with pytest.raises(InputError, match="is not what was logged there"):
        find_profile("serving-pool")


@pytest.mark.parametrize("name", ["", "auto", "a/b", "pool.json"])
def test_what_cannot_be_a_name_is_refused_before_anything_is_measured(
    name: str, embedded_mlflow: str
) -> None:
    with pytest.raises(InputError, match="cannot name a hardware profile"):
        prepare_logging(name)
    assert MlflowClient(embedded_mlflow).get_experiment_by_name(EXPERIMENT) is None


def test_auto_is_this_machine(profile: HardwareProfile) -> None:
    here = hardware_of(AUTO)
    assert here.calibration is None
    assert here.threads > 0


def test_on_a_cluster_auto_is_refused_and_a_name_is_not(
    profile: HardwareProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_profile(profile)
    monkeypatch.setenv(CLUSTER_VARIABLE, "10.96.0.1")
    with pytest.raises(InputError, match=r"on a cluster .*--pipeline calibrate .*hardware: NAME"):
        hardware_of(AUTO)
    assert hardware_of("serving-pool") == profile


def test_the_kind_of_node_is_what_a_measurement_depends_on(profile: HardwareProfile) -> None:
    def other(**changes: object) -> HardwareProfile:
        return profile.model_copy(update=changes)

    same = (
        other(name="x"),
        other(threads=2),
        other(memory_bytes=1),
        other(labels={"a": "b"}),
        other(cpu="another name of the same processor"),
        other(features=tuple(reversed(profile.features))),
    )
    assert {each.node_sha256() for each in same} == {profile.node_sha256()}
    different = (
        other(family=25),
        other(model=106),
        other(features=("avx2",)),
        other(accelerators=("NVIDIA L4",)),
        other(accelerators=("NVIDIA L40S",)),
        other(family=None, model=None, cpu="Neoverse-N1"),
        other(family=None, model=None, cpu="Neoverse-V2"),
    )
    kinds = {each.node_sha256() for each in (profile, *different)}
    assert len(kinds) == 1 + len(different)
    pair = other(accelerators=("NVIDIA L4", "NVIDIA L4"))
    assert pair.node_sha256() == other(accelerators=("NVIDIA L4",)).node_sha256()
    assert json.loads(profile.model_dump_json())["family"] == 6
