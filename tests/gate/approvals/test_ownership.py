"""Places of the gate's own: where others may write, nothing is promoted and no policy holds."""

from collections.abc import Iterator
from typing import Any

import pytest

from leanstage.calibrate import log_profile
from leanstage.calibrate.profiles import EXPERIMENT
from leanstage.contracts import HardwareProfile, ModelPolicy
from leanstage.errors import LeanstageError
from leanstage.gate.ownership import foreign_policies, foreign_profiles, require_own, shared
from leanstage.gate.policies import publish

POLICY = ModelPolicy(promoted_model="{name}-own", promoted_experiment="own-promoted")


@pytest.fixture
def gate(mlflow_server: Any) -> Iterator[Any]:
    with mlflow_server.as_user("gate"):
        yield mlflow_server


def test_what_the_gate_makes_is_its_own(gate: Any) -> None:
    require_own(POLICY, "fresh")
    gate.client("gate").get_registered_model("fresh-own")


def test_a_model_that_somebody_made_first_is_refused(gate: Any) -> None:
    gate.client("sam").create_registered_model("squatted-own")
    with pytest.raises(LeanstageError, match=r"registered model squatted-own.* by sam"):
        require_own(POLICY, "squatted")


@pytest.mark.parametrize("kind", ["logged_model", "run", "registered_model_version"])
def test_a_role_that_opens_everything_of_a_kind_is_seen(gate: Any, kind: str) -> None:
    require_own(POLICY, "opened")
    with gate.role("bo", kind, "EDIT"), pytest.raises(LeanstageError, match="written to by bo"):
        require_own(POLICY, "opened")
    require_own(POLICY, "opened")


def test_the_model_of_the_candidate_is_shared_by_choice() -> None:
    assert shared(ModelPolicy(), "reviews")
    assert not shared(POLICY, "reviews")
    assert not shared(ModelPolicy(require_permissions=True), "reviews")


def test_policies_that_others_may_write_do_not_hold(gate: Any) -> None:
    publish(ModelPolicy(), "own-policies")
    assert foreign_policies("mlflow:own-policies") is None
    found = gate.client("gate").get_experiment_by_name("own-policies").experiment_id
    gate.grant("sam", "experiment", found, "EDIT")
    said = foreign_policies("mlflow:own-policies")
    assert said is not None
    assert "written to by sam" in said
    assert foreign_policies("/etc/policies") is None


def test_hardware_profiles_that_others_may_write_do_not_hold(gate: Any) -> None:
    named = ModelPolicy(hardware="serving-pool")
    log_profile(HardwareProfile(name="serving-pool", cpu="x", threads=1, memory_bytes=1))
    assert foreign_profiles(named) is None
    found = gate.client("gate").get_experiment_by_name(EXPERIMENT).experiment_id
    gate.grant("sam", "experiment", found, "EDIT")
    said = foreign_profiles(named)
    gate.revoke("sam", "experiment", found)
    assert said is not None
    assert "hardware profiles in the experiment leanstage-hardware" in said
    assert "written to by sam" in said
    assert foreign_profiles(ModelPolicy(hardware="s3://platform/pool.json")) is None
    assert foreign_profiles(ModelPolicy()) is None


def test_an_account_that_may_not_ask_trusts_nothing(gate: Any) -> None:
    publish(ModelPolicy(), "asked-policies")
    with gate.as_user("ada"):
        said = foreign_policies("mlflow:asked-policies")
        assert said is not None
        assert "is not known" in said
        with pytest.raises(LeanstageError, match="does not tell"):
            require_own(POLICY, "asked")
