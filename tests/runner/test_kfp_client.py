"""The way to Kubeflow Pipelines: who asks, what is said when it fails, and no secret in it."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from leanstage.errors import InputError
from leanstage.runner.kfp_client import Connection, Kubeflow, KubeflowError
from tests.certificates import certificate_in
from tests.kfp_server import KfpServer, serving

SECRET = "sk-7f2e-very-secret"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the surroundings says where Kubeflow is."""
    for name in ("HOST", "NAMESPACE", "TOKEN", "TOKEN_FILE", "CA_FILE"):
        monkeypatch.delenv(f"LEANSTAGE_KFP_{name}", raising=False)
    monkeypatch.delenv("KF_PIPELINES_SA_TOKEN_PATH", raising=False)


def kubeflow(server: KfpServer, **options: object) -> Kubeflow:
    return Kubeflow(Connection(host=server.uri, **options))  # type: ignore[arg-type]


def test_a_token_comes_from_the_environment(
    kfp_server: KfpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kfp_server.token = SECRET
    with pytest.raises(KubeflowError, match=r"answered 401: .*hand a fresh one\.$"):
        Kubeflow(Connection.of(kfp_server.uri)).experiment("mine")
    monkeypatch.setenv("LEANSTAGE_KFP_TOKEN", SECRET)
    connection = Connection.of(kfp_server.uri)
    assert Kubeflow(connection).experiment("mine") in kfp_server.experiments
    assert SECRET not in repr(connection)


def test_a_token_file_is_read_again_for_every_request(
    kfp_server: KfpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEANSTAGE_KFP_TOKEN", "stale")
    token = tmp_path / "token"
    token.write_text("first\n")
    kfp_server.token = "first"
    reached = Kubeflow(Connection.of(kfp_server.uri, token_file=token))
    made = reached.experiment("mine")
    kfp_server.token = "second"
    token.write_text("second\n")
    assert reached.experiment("mine") == made
    token.unlink()
    with pytest.raises(KubeflowError, match="token cannot be read: No such file") as failed:
        reached.experiment("mine")
    assert not failed.value.transient


def test_in_a_pod_the_projected_token_is_sent(
    kfp_server: KfpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kfp_server.token = "projected"
    (tmp_path / "token").write_text("projected")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    assert Kubeflow(Connection.of(kfp_server.uri)).experiment("mine")


def test_several_users_need_the_namespace(kfp_server: KfpServer) -> None:
    kfp_server.multi_user = True
    with pytest.raises(KubeflowError, match="answered 400: Namespace should be specified"):
        kubeflow(kfp_server).experiment("mine")
    made = kubeflow(kfp_server, namespace="team-a").experiment("mine")
    assert kfp_server.experiments[made]["namespace"] == "team-a"


def test_an_experiment_is_made_once(kfp_server: KfpServer) -> None:
    reached = kubeflow(kfp_server)
    assert reached.experiment("mine") == reached.experiment("mine")
    assert kfp_server.asked("POST /experiments") == 1


def test_making_a_client_asks_nothing_and_touches_no_home(
    kfp_server: KfpServer, tmp_path: Path
) -> None:
    """A read-only home is enough, and a context of another cluster lends nothing."""
    context = tmp_path / ".config" / "kfp" / "context.json"
    context.parent.mkdir(parents=True)
    context.write_text('{"namespace": "theirs", "client_authentication_cookie": "session=theirs"}')
    for folder in (context.parent, context.parent.parent, tmp_path):
        folder.chmod(0o555)
    script = f"""
        from leanstage.runner.kfp_client import Connection, Kubeflow
        reached = Kubeflow(Connection.of({kfp_server.uri!r}))
        api = reached.client._run_api.api_client
        print(reached.client.get_user_namespace() == "", api.cookie, api.default_headers)
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            env={"HOME": str(tmp_path), "PATH": ""},
            capture_output=True,
            text=True,
        )
    finally:
        for folder in (tmp_path, context.parent.parent, context.parent):
            folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True None ")
    assert "theirs" not in done.stdout
    assert kfp_server.requests == []


@pytest.mark.parametrize(
    ("status", "said", "transient"),
    [
        (403, "ask for the role", False),
        (429, "try again in a minute", True),
        (500, "see the log of ml-pipeline", True),
        (503, "see the log of ml-pipeline", True),
    ],
)
def test_a_refusal_is_one_sentence(
    kfp_server: KfpServer, status: int, said: str, transient: bool
) -> None:
    kfp_server.fail(
        "GET /runs",
        status,
        body=f'{{"message": "no: {SECRET}\\nsecond line"}}'.encode(),
        headers={"Set-Cookie": f"session={SECRET}"},
    )
    with pytest.raises(KubeflowError, match=f"answered {status}: no: .*{said}") as failed:
        list(kubeflow(kfp_server, token=SECRET).runs())
    assert failed.value.transient is transient
    assert failed.value.status == status
    assert SECRET not in str(failed.value)
    assert "\n" not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__
    assert kfp_server.asked("GET /runs") == 1


@pytest.mark.parametrize("source", ["environment", "file", "pod"])
def test_a_token_that_the_server_repeats_is_not_passed_on(
    kfp_server: KfpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    token = tmp_path / "token"
    token.write_text(SECRET)
    if source == "pod":
        monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(token))
    options = {"environment": {"token": SECRET}, "file": {"token_file": token}, "pod": {}}
    reached = kubeflow(kfp_server, **options[source])
    said = "x" * (300 - len("no: ") - 3) + SECRET
    kfp_server.fail("GET /runs", 403, body=json.dumps({"message": f"no: {said}"}).encode())
    with pytest.raises(KubeflowError) as failed:
        list(reached.runs())
    assert SECRET[:3] not in str(failed.value), "not even its beginning, where the answer is cut"
    kfp_server.fail(
        "GET /runs", 403, body=json.dumps({"message": f"no {SECRET} of yours"}).encode()
    )
    with pytest.raises(KubeflowError, match=r"no \(token\) of yours"):
        list(reached.runs())


@pytest.mark.parametrize(
    "repeated",
    [
        "Bearer abc-DEF.123~+/=",
        "bearer abc-DEF.123~+/=",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.sig-_9",
    ],
)
def test_a_token_of_somebody_else_is_not_passed_on_either(
    kfp_server: KfpServer, repeated: str
) -> None:
    message = f"refused {repeated} at the door; tasks.are.dotted"
    kfp_server.fail("GET /runs", 403, body=json.dumps({"message": message}).encode())
    with pytest.raises(KubeflowError, match=r"refused .*\(token\) at the door") as failed:
        list(kubeflow(kfp_server).runs())
    assert "abc-DEF" not in str(failed.value)
    assert "eyJ" not in str(failed.value)
    assert "tasks.are.dotted" in str(failed.value)


def test_a_login_page_is_no_data(kfp_server: KfpServer) -> None:
    kfp_server.fail("GET /runs", 200, body=b"<html>Log in</html>", kind="text/html")
    with pytest.raises(KubeflowError, match="hand a bearer token") as failed:
        kubeflow(kfp_server).run("some")
    assert not failed.value.transient
    kfp_server.fail("GET /runs", 302, headers={"Location": "http://127.0.0.1:9/login"})
    with pytest.raises(KubeflowError, match=r"answered 302: .*hand a bearer token"):
        kubeflow(kfp_server).run("some")


def test_no_server_and_a_silent_one_end_in_time(kfp_server: KfpServer) -> None:
    with pytest.raises(KubeflowError, match=r"127\.0\.0\.1:9 does not answer") as failed:
        Kubeflow(Connection("http://127.0.0.1:9")).run("some")
    assert failed.value.transient
    kfp_server.fail("GET /runs", seconds=2)
    with pytest.raises(KubeflowError, match="does not answer"):
        kubeflow(kfp_server, read_seconds=0.2).run("some")


def test_a_request_that_was_sent_is_not_sent_again(kfp_server: KfpServer) -> None:
    """A run has no key that would make a second request harmless."""
    kfp_server.fail("POST /experiments", after=True)
    with pytest.raises(KubeflowError, match="does not answer"):
        kubeflow(kfp_server).experiment("mine")
    assert kfp_server.asked("POST /experiments") == 1
    assert len(kfp_server.experiments) == 1


def test_a_private_authority_is_trusted_by_its_file(tmp_path: Path) -> None:
    certificate = certificate_in(tmp_path)
    with serving(KfpServer(), certificate=certificate) as server:
        with pytest.raises(KubeflowError, match=r"name the authority .* LEANSTAGE_KFP_CA_FILE"):
            kubeflow(server).experiment("mine")
        assert kubeflow(server, ca_file=tmp_path / "ca.pem").experiment("mine")


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("", "pass --host or set LEANSTAGE_KFP_HOST"),
        ("ftp://kubeflow", "no http or https address"),
        (f"https://me:{SECRET}@kubeflow", "with a password in its address"),
    ],
)
def test_a_host_that_cannot_be_used(host: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as failed:
        Connection.of(host)
    assert SECRET not in str(failed.value)


def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"token file .* is not there"):
        Connection.of("https://kubeflow", token_file=tmp_path / "none")
