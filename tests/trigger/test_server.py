"""A real MLflow server that sends real webhooks, and the trigger as the process that users run."""

import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from leanstage.errors import InputError
from leanstage.registry.client import connect
from leanstage.trigger.registration import EVENTS, NAME, register
from tests.kfp_server import KfpServer
from tests.mlflow_server import MlflowServer
from tests.trigger.proxy import before
from tests.trigger.service import SECRET, Service, until

HOUR = "3600"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def admin(mlflow_server: MlflowServer) -> Iterator[MlflowServer]:
    """The account that may register webhooks; those of a test go with it."""
    with mlflow_server.as_user("admin"):
        yield mlflow_server
        client = connect()
        for webhook in client.list_webhooks():
            client.delete_webhook(webhook.webhook_id)


@pytest.fixture
def model() -> str:
    """A model name of this test alone: the server is shared."""
    return f"reviews-{secrets.token_hex(4)}"


@contextmanager
def candidate(name: str) -> Iterator[Callable[[], str]]:
    """Registers versions of a model; afterwards nothing asks any more."""
    client: Any = connect()
    client.create_registered_model(name)

    def add() -> str:
        made = client.create_model_version(name, "s3://models/reviews")
        client.set_registered_model_alias(name, "candidate", made.version)
        return str(made.version)

    try:
        yield add
    finally:
        client.delete_registered_model(name)


@pytest.fixture
def start(
    kfp_server: KfpServer,
    policies: Callable[..., None],
    model: str,
    tmp_path: Path,
) -> Iterator[Callable[..., Service]]:
    """Starts triggers that look at MLflow once, and then only when a webhook comes."""
    policies(models=[model])
    started: list[Service] = []

    def begin(**environment: str) -> Service:
        service = Service(
            tmp_path,
            **{
                "LEANSTAGE_KFP_HOST": kfp_server.uri,
                "LEANSTAGE_TRIGGER_INTERVAL_SECONDS": HOUR,
                "LEANSTAGE_TRIGGER_MAX_BACKOFF_SECONDS": "0.5",
                "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
                **environment,
            },
        )
        started.append(service)
        return service

    yield begin
    for service in started:
        service.__exit__()


def noted(name: str, version: str) -> str | None:
    tags = connect().get_model_version(name, version).tags
    return tags.get("leanstage.status")


def test_a_webhook_starts_a_run_and_an_outage_loses_none(
    admin: MlflowServer, start: Callable[..., Service], kfp_server: KfpServer, model: str
) -> None:
    port = str(free_port())
    service = start(PORT=port)
    until(service.ready)
    done = register(f"{service.uri}/webhooks/mlflow", SECRET)
    assert done.made
    assert done.problem is None
    with candidate(model) as add:
        first = add()
        until(lambda: len(kfp_server.runs) == 1)
        until(lambda: noted(model, first) == "running")

        # SIGTERM ends it within seconds, in order.
        begun = time.monotonic()
        service.stop()
        assert time.monotonic() - begun < 10
        assert "Traceback" not in service.log

        second = add()
        third = add()
        time.sleep(1)
        assert len(kfp_server.runs) == 1
        connect().set_model_version_tag(model, second, "leanstage.optimize", "true")
        again = start(PORT=port)
        until(lambda: len(kfp_server.runs) == 3)
        until(lambda: {noted(model, v) for v in (first, second, third)} == {"running"})
        # The webhook still points there.
        add()
        until(lambda: len(kfp_server.runs) == 4)
        assert SECRET not in service.log + again.log
        assert admin.passwords["admin"] not in service.log + again.log


def test_killed_between_creating_a_run_and_noting_it(
    admin: MlflowServer,
    start: Callable[..., Service],
    kfp_server: KfpServer,
    model: str,
) -> None:
    with before(admin.uri) as proxy, candidate(model) as add:
        proxy.fail("model-versions/set-tag", times=1000, seconds=20)
        version = add()
        service = start(MLFLOW_TRACKING_URI=proxy.uri)
        until(lambda: kfp_server.runs)
        assert service.stop(signal.SIGKILL) == -signal.SIGKILL
        assert noted(model, version) is None, "the run exists, and nothing says so"
        start()
        until(lambda: noted(model, version) == "running")
        assert len(kfp_server.runs) == 1


@pytest.mark.parametrize("fault", [500, 429, "slow"])
def test_mlflow_that_fails_is_waited_for(
    admin: MlflowServer,
    start: Callable[..., Service],
    kfp_server: KfpServer,
    model: str,
    fault: int | str,
) -> None:
    with before(admin.uri) as proxy, candidate(model) as add:
        version = add()
        if fault == "slow":
            proxy.fail("search", times=2, seconds=3)
        else:
            proxy.fail("search", int(fault), times=4)
        service = start(MLFLOW_TRACKING_URI=proxy.uri, MLFLOW_HTTP_REQUEST_TIMEOUT="1")
        until(lambda: service.get("/readyz").json()["problem"])
        assert service.get("/healthz").ok
        assert service.get("/readyz").status_code == 503
        until(lambda: noted(model, version) == "running")
        until(service.ready)
        assert service.process.poll() is None
        assert len(kfp_server.runs) == 1
        assert "reconciliation failed" in service.log
        assert admin.passwords["admin"] not in service.log


def test_mlflow_that_is_not_there_is_no_crash_loop(
    admin: MlflowServer, start: Callable[..., Service], kfp_server: KfpServer
) -> None:
    service = start(MLFLOW_TRACKING_URI=f"http://127.0.0.1:{free_port()}")
    until(lambda: service.get("/readyz").json()["problem"])
    time.sleep(1)
    assert service.process.poll() is None
    assert service.get("/healthz").ok
    assert 'leanstage_failures_total{where="mlflow"} 0.0' not in service.get("/metrics").text


def test_a_version_that_the_account_may_not_edit_stands_in_nobodys_way(
    mlflow_server: MlflowServer,
    start: Callable[..., Service],
    kfp_server: KfpServer,
    model: str,
    policies: Callable[..., None],
) -> None:
    policies(models=[f"{model}*"])
    with mlflow_server.as_user("ada"), candidate(model) as add, candidate(f"{model}-sam"):
        foreign = add()
        client = mlflow_server.client("sam")
        with mlflow_server.as_user("sam"):
            own = f"{model}-own"
            client.create_registered_model(own)
            version = client.create_model_version(own, "s3://models/reviews").version
            client.set_registered_model_alias(own, "candidate", version)
            service = start()
            until(lambda: noted(own, version) == "running")
            until(lambda: len(kfp_server.runs) == 2)
            until(service.ready)
            assert noted(model, foreign) is None
            assert "could not be noted" in service.log
            client.delete_registered_model(own)


def test_registering_twice_leaves_one_webhook(admin: MlflowServer, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/webhooks/mlflow"
    first = register(nobody, SECRET)
    assert first.made
    assert "cannot reach" in str(first.problem)
    second = register(f"{nobody}?again", SECRET)
    assert not second.made
    assert second.webhook_id == first.webhook_id
    (webhook,) = connect().list_webhooks()
    assert webhook.name == NAME
    assert webhook.url == f"{nobody}?again"
    assert {f"{event.entity}.{event.action}" for event in webhook.events} == set(EVENTS)


def test_the_command_says_what_became_of_it(
    admin: MlflowServer,
    start: Callable[..., Service],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    monkeypatch.setenv("MINE", SECRET)
    service = start()
    for more in (["--secret-file", str(tmp_path / "secret")], ["--secret-env", "MINE"]):
        done = command("--url", f"{service.uri}/webhooks/mlflow", *more)
        assert done.returncode == 0, done.stderr
        assert "The test delivery was accepted." in done.stdout
    assert len(connect().list_webhooks()) == 1
    lost = command("--url", f"{service.uri}/elsewhere", "--secret-env", "MINE")
    assert lost.returncode == 1
    assert "answered 404" in lost.stderr
    assert SECRET not in lost.stdout + lost.stderr


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    code = [sys.executable, "-c", "from leanstage.cli import main; main()", "webhook", "register"]
    return subprocess.run([*code, *arguments], capture_output=True, text=True, timeout=60)


def test_another_secret_and_another_path_are_told_apart(
    admin: MlflowServer, start: Callable[..., Service]
) -> None:
    service = start()
    wrong = register(f"{service.uri}/webhooks/mlflow", "not the one of the trigger")
    assert "refuses the signature" in str(wrong.problem)
    lost = register(f"{service.uri}/webhooks", SECRET)
    assert "answered 404" in str(lost.problem)
    assert register(f"{service.uri}/webhooks/mlflow", SECRET).problem is None


def test_an_address_that_mlflow_does_not_allow_names_the_setting(admin: MlflowServer) -> None:
    with pytest.raises(InputError, match="MLFLOW_WEBHOOK_ALLOWED_SCHEMES"):
        register("ftp://127.0.0.1/webhooks/mlflow", SECRET)


def test_an_ordinary_account_may_not_register(mlflow_server: MlflowServer) -> None:
    with mlflow_server.as_user("sam"), pytest.raises(InputError, match="administrator's account"):
        register("http://127.0.0.1:1/webhooks/mlflow", SECRET)
