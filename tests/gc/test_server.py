"""On a server with accounts: what its account may do, and what it does not see."""

from pathlib import Path

import pytest

from leanstage.gc.artifacts import files_of_run
from leanstage.registry.client import RegistryError, connect
from tests.gc.conftest import EVIDENCE, WEIGHTS, State
from tests.mlflow_server import MlflowServer


def test_files_go_over_the_network(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    with mlflow_server.as_user("sam"):
        state = State(connect(), tmp_path, runs="gc-runs", promoted="gc-promoted")
        run_id = state.run(days_ago=91, files=EVIDENCE + WEIGHTS)
    with mlflow_server.as_user("ada"):
        with pytest.raises(RegistryError):
            state.collect(state.rules())
        assert set(files_of_run(run_id)) == {*EVIDENCE, *WEIGHTS}
    with mlflow_server.as_user("sam"):
        assert state.collect(state.rules()) == [("variant", run_id)]
        assert set(files_of_run(run_id)) == set(EVIDENCE)


def test_a_model_whose_version_is_out_of_sight_stays(
    mlflow_server: MlflowServer, tmp_path: Path
) -> None:
    with mlflow_server.as_user("sam"):
        state = State(connect(), tmp_path, runs="gc-none", promoted="gc-sight")
        unseen, lost = state.model(), state.model()
        state.version("gc-sight", unseen)
        state.client.delete_model_version("gc-sight", "1")
        plan = state.survey(state.rules(later=100))
        assert [item.name for item in plan.items] == [lost]
        assert [(kept.name, "does not see" in kept.reason) for kept in plan.kept] == [
            (unseen, True)
        ]


def test_a_champion_of_which_another_team_made_a_version_stays(
    mlflow_server: MlflowServer, tmp_path: Path
) -> None:
    with mlflow_server.as_user("sam"):
        state = State(connect(), tmp_path, runs="gc-none", promoted="gc-shared")
        models = [state.model() for _ in range(3)]
        for model in models:
            state.version("gc-shared", model)
    with mlflow_server.as_user("admin"):
        State(connect(), tmp_path).version("gc-theirs", models[0], state=None)
    mlflow_server.grant("sam", "registered_model", "gc-theirs", "DENY")
    with mlflow_server.as_user("sam"):
        plan = state.survey(state.rules(later=100, keep=1))
        assert plan.items == ()
        (kept,) = plan.kept
        assert (kept.name, "gc-theirs version 1" in kept.reason) == (models[0], True)
