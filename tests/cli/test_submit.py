"""``leanstage submit`` against the stand-in of Kubeflow Pipelines, through the official client."""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from leanstage.cli.main import app
from leanstage.contracts import Submission
from leanstage.errors import InputError, LeanstageError
from leanstage.pipelines import Platform
from leanstage.registry.client import connect, experiment_id
from leanstage.runner import packages
from leanstage.runner import submit as room
from leanstage.runner.kfp_client import KubeflowError
from leanstage.runner.packages import compiled as compile_package
from tests.kfp_server import KfpServer

MODEL = ["--param", "model=models:/reviews/3"]


@cache
def _compiled(name: str, registry: str, tag: str, settings: str) -> tuple[str, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "package.yaml"
        platform = Platform.model_validate_json(settings)
        spec = compile_package(name, path, registry=registry, tag=tag, platform=platform)
        return path.read_text(), spec


def once(name: str, path: Path, *, registry: str, tag: str, platform: Platform) -> dict[str, Any]:
    """Compile as the command does, but each pipeline a single time."""
    text, spec = _compiled(name, registry, tag, platform.model_dump_json())
    path.write_text(text)
    return spec


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One MLflow for all: names of runs never repeat."""
    return f"sqlite:///{tmp_path_factory.mktemp('submit') / 'mlflow.db'}"


@pytest.fixture(autouse=True)
def quick(
    monkeypatch: pytest.MonkeyPatch, kfp_server: KfpServer, embedded_mlflow: str, database: str
) -> None:
    """Ask often; the servers are named by the environment."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
    monkeypatch.setattr(packages, "compiled", once)
    monkeypatch.setattr(room, "POLL_SECONDS", 0.02)
    monkeypatch.setenv("LEANSTAGE_KFP_HOST", kfp_server.uri)
    for name in ("NAMESPACE", "TOKEN", "TOKEN_FILE", "CA_FILE"):
        monkeypatch.delenv(f"LEANSTAGE_KFP_{name}", raising=False)


def submit(*options: str) -> Result:
    """The command, with its own errors raised."""
    done = CliRunner().invoke(app, ["submit", *options])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@contextmanager
def cluster(server: KfpServer, play: Callable[[str, str], None]) -> Iterator[None]:
    """While the command waits, the next run is played by ``play(run id, name)``."""

    def act() -> None:
        until = time.monotonic() + 120
        while not server.runs and time.monotonic() < until:
            time.sleep(0.01)
        (run,) = server.runs.values()
        play(run["run_id"], run["display_name"])

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def ending(server: KfpServer, states: dict[str, str], state: str) -> Callable[[str, str], None]:
    """Tasks that reach their states one after the other, then the run."""

    def play(run_id: str, _: str) -> None:
        server.set_state(run_id, "RUNNING")
        for name, reached in states.items():
            server.set_task(run_id, name, "RUNNING")
            time.sleep(0.06)
            server.set_task(run_id, name, reached, "it broke" if reached == "FAILED" else "")
        server.set_state(run_id, state)

    return play


def noted(play: Callable[[str, str], None], **tags: str) -> Callable[[str, str], None]:
    """The gate notes its verdict in MLflow under the run's name, before the run ends."""

    def noting(run_id: str, name: str) -> None:
        client = connect()
        run = client.create_run(experiment_id(client, "team-a"))
        for key, value in {"request": name, **tags}.items():
            client.set_tag(run.info.run_id, f"leanstage.{key}", value)
        play(run_id, name)

    return noting


DONE = {"resolve": "SUCCEEDED", "gate": "SUCCEEDED", "promote": "SUCCEEDED"}
REFUSED = {**DONE, "promote": "FAILED"}


def test_a_run_is_created_with_what_was_asked(kfp_server: KfpServer, tmp_path: Path) -> None:
    out = tmp_path / "submission.json"
    options = [*MODEL, "--param", "seed=3", "--service-account", "runner", "--name", "mine"]
    done = submit(*options, "--json", str(out), "--registry", "r.corp/ml", "--tag", "9")
    run = kfp_server.run_named("mine")
    assert run["runtime_config"]["parameters"] == {
        "model": "models:/reviews/3",
        "seed": 3,
        "request": "mine",
    }
    assert run["service_account"] == "runner"
    assert kfp_server.experiments[run["experiment_id"]]["display_name"] == "leanstage"
    images = {
        executor["container"]["image"]
        for executor in _spec(run)["deploymentSpec"]["executors"].values()
    }
    assert {image.rpartition("/")[0] for image in images} == {"r.corp/ml"}
    assert {image.rpartition(":")[2] for image in images} == {"9"}
    assert f"{kfp_server.uri}/#/runs/details/{run['run_id']}" in done.stdout
    written = Submission.load(out)
    assert (written.run_id, written.state, written.verdict) == (run["run_id"], "PENDING", None)


def test_a_run_gets_what_the_cluster_gives(kfp_server: KfpServer, tmp_path: Path) -> None:
    settings = tmp_path / "platform.yaml"
    settings.write_text("mlflow: {name: team-mlflow, keys: {user: MLFLOW_TRACKING_USERNAME}}\n")
    submit(*MODEL, "--name", "mine", "--platform", str(settings))
    sent = json.dumps(kfp_server.run_named("mine")["pipeline_spec"])
    assert "team-mlflow" in sent


def test_names_differ_by_themselves(kfp_server: KfpServer) -> None:
    submit(*MODEL)
    submit(*MODEL)
    assert len({run["display_name"] for run in kfp_server.runs.values()}) == 2


def test_a_name_is_used_once(kfp_server: KfpServer) -> None:
    submit(*MODEL, "--name", "mine")
    with pytest.raises(InputError, match="has a run named mine already; give another --name"):
        submit(*MODEL, "--name", "mine")
    assert len(kfp_server.runs) == 1


def test_nothing_is_sent_where_a_parameter_is_wrong(kfp_server: KfpServer) -> None:
    with pytest.raises(InputError, match="did you mean train_data"):
        submit(*MODEL, "--param", "traindata=s3://a/b.jsonl")
    with pytest.raises(InputError, match="is a path of this machine"):
        submit("--param", "model=./my-model")
    assert kfp_server.requests == []


def test_an_answer_that_is_lost_makes_no_second_run(kfp_server: KfpServer) -> None:
    kfp_server.fail("POST /runs", after=True)
    assert "Link" in submit(*MODEL).stdout
    assert len(kfp_server.runs) == 1


@pytest.mark.parametrize("status", [0, 503])
def test_where_it_is_not_known_whether_there_is_a_run_its_name_is_told(
    kfp_server: KfpServer, status: int
) -> None:
    """The answer is lost, and so is the look: a repetition must not train a second time."""
    kfp_server.fail("POST /runs", status, after=True)
    kfp_server.fail("GET /runs", 200, body=b"{}")
    kfp_server.fail("GET /runs", 503)
    with pytest.raises(KubeflowError, match=r"not known whether the run \S+ was created") as failed:
        submit(*MODEL)
    (run,) = kfp_server.runs.values()
    name = run["display_name"]
    assert f"submit again with --name {name}, which is refused" in str(failed.value)
    assert "\n" not in str(failed.value)
    with pytest.raises(InputError, match="has a run named"):
        submit(*MODEL, "--name", name)
    assert len(kfp_server.runs) == 1


def test_a_look_that_comes_too_early_leaves_open_whether_there_is_a_run(
    kfp_server: KfpServer,
) -> None:
    kfp_server.fail("POST /runs", 504)
    with pytest.raises(KubeflowError, match=r"answered 504, so it is not known .* --name mine"):
        submit(*MODEL, "--name", "mine")
    submit(*MODEL, "--name", "mine")
    assert len(kfp_server.runs) == 1


def test_a_refusal_is_told(kfp_server: KfpServer) -> None:
    kfp_server.fail("POST /runs", 403)
    with pytest.raises(KubeflowError, match="answered 403"):
        submit(*MODEL)
    assert kfp_server.runs == {}


def test_several_users_work_in_their_namespaces(kfp_server: KfpServer) -> None:
    kfp_server.multi_user = True
    submit(*MODEL, "--namespace", "team-a", "--experiment", "lean")
    (experiment,) = kfp_server.experiments.values()
    assert (experiment["namespace"], experiment["display_name"]) == ("team-a", "lean")


def test_waiting_shows_the_tasks_and_ends_with_the_promotion(
    kfp_server: KfpServer, tmp_path: Path
) -> None:
    out = tmp_path / "submission.json"
    play = ending(kfp_server, {"resolve-driver": "SUCCEEDED", **DONE}, "SUCCEEDED")
    tags = {"verdict": "PROMOTE_OPTIMIZED", "reasons": "none", "promoted": "models:/reviews/4"}
    with cluster(kfp_server, noted(play, **tags)):
        done = submit(*MODEL, "--wait", "--json", str(out))
    assert done.exit_code == 0
    shown = [line for line in done.stdout.splitlines() if "✓" in line]
    assert [line.split()[1] for line in shown] == ["resolve", "gate", "promote"]
    assert "PROMOTE_OPTIMIZED: models:/reviews/4 serves now." in done.stdout
    written = Submission.load(out)
    assert (written.told_by, written.promoted) == ("mlflow", "models:/reviews/4")


def test_a_blocked_run_ends_with_3(kfp_server: KfpServer) -> None:
    tags = {"verdict": "BLOCKED", "reasons": "accuracy.drop,energy.no_saving"}
    with cluster(kfp_server, noted(ending(kfp_server, REFUSED, "FAILED"), **tags)):
        done = submit(*MODEL, "--wait")
    assert done.exit_code == 3
    assert "BLOCKED: accuracy.drop, energy.no_saving." in done.stdout


def test_a_run_that_fails_is_a_failure_and_names_the_task(kfp_server: KfpServer) -> None:
    with (
        cluster(kfp_server, noted(ending(kfp_server, {"resolve": "FAILED"}, "FAILED"))),
        pytest.raises(LeanstageError, match=r"the run failed at resolve: it broke; see http"),
    ):
        submit(*MODEL, "--wait")


def test_a_promotion_that_fails_is_not_blocked(kfp_server: KfpServer) -> None:
    play = noted(ending(kfp_server, REFUSED, "FAILED"), verdict="PROMOTE_OPTIMIZED")
    with cluster(kfp_server, play), pytest.raises(LeanstageError, match="failed at promote"):
        submit(*MODEL, "--wait")


def test_a_stopped_run_says_so(kfp_server: KfpServer) -> None:
    with (
        cluster(kfp_server, ending(kfp_server, {"resolve": "CANCELED"}, "CANCELED")),
        pytest.raises(LeanstageError, match="stopped by somebody"),
    ):
        submit(*MODEL, "--wait")


def test_without_mlflow_the_state_is_what_is_known(
    kfp_server: KfpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with (
        cluster(kfp_server, ending(kfp_server, REFUSED, "FAILED")),
        pytest.raises(LeanstageError, match="name the MLflow server in MLFLOW_TRACKING_URI"),
    ):
        submit(*MODEL, "--wait", "--json", str(tmp_path / "submission.json"))
    written = json.loads((tmp_path / "submission.json").read_text())
    assert (written["told_by"], written["state"]) == ("state", "FAILED")
    kfp_server.runs.clear()
    with cluster(kfp_server, ending(kfp_server, DONE, "SUCCEEDED")):
        assert submit(*MODEL, "--wait").exit_code == 0


@pytest.mark.parametrize(("gate", "code"), [("SUCCEEDED", 3), ("FAILED", 1)])
def test_judging_again_is_not_taken_for_the_verdict_before(
    kfp_server: KfpServer, gate: str, code: int
) -> None:
    client = connect()
    run_id = client.create_run(experiment_id(client, "team-a")).info.run_id
    client.set_tag(run_id, "leanstage.verdict", "BLOCKED")
    states = {"recall": "SUCCEEDED", "gate": gate}
    if gate == "SUCCEEDED":
        states["promote"] = "FAILED"
    options = ["--pipeline", "rejudge", "--param", f"run_id={run_id}", "--wait"]
    with cluster(kfp_server, ending(kfp_server, states, "FAILED")):
        if code == 1:
            with pytest.raises(LeanstageError, match="failed at gate"):
                submit(*options)
        else:
            assert submit(*options).exit_code == code


def test_a_proposal_names_the_command_that_decides(kfp_server: KfpServer) -> None:
    play = noted(ending(kfp_server, {"propose": "SUCCEEDED"}, "SUCCEEDED"))
    with cluster(kfp_server, play):
        done = submit(*MODEL, "--pipeline", "optimize", "--wait")
    assert "leanstage decide" in done.stdout


def test_waiting_outlives_a_server_that_is_away(kfp_server: KfpServer) -> None:
    for status in (0, 500, 429):
        kfp_server.fail("GET /runs/", status)
    with cluster(kfp_server, ending(kfp_server, DONE, "SUCCEEDED")):
        assert submit(*MODEL, "--wait").exit_code == 0
    assert len(kfp_server.runs) == 1


def test_no_longer_waiting_leaves_the_run_alone(
    kfp_server: KfpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "follow", interrupted)
    done = submit(*MODEL, "--wait")
    assert done.exit_code == 130
    assert "the run goes on: http" in done.stdout
    assert kfp_server.asked("^POST") == 2, "an experiment and a run; nothing stopped it"


def test_waiting_ends_where_the_account_may_not_look(kfp_server: KfpServer) -> None:
    kfp_server.fail("GET /runs/", 401)
    with pytest.raises(KubeflowError, match="answered 401"):
        submit(*MODEL, "--wait")


def _spec(run: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = run["pipeline_spec"].get("pipeline_spec", run["pipeline_spec"])
    return spec
