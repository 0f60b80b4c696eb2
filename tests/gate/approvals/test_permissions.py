"""MLflow's permissions as the gate asks for them, on servers that keep some and that keep none."""

from typing import Any

import pytest

from leanstage.contracts import ModelVersion
from leanstage.registry import permissions as asked
from leanstage.registry.accounts import Account
from leanstage.registry.client import RegistryError
from leanstage.registry.origins import Origin, origin
from leanstage.registry.permissions import Permissions, permissions
from tests.mlflow_server import MlflowServer


def kept_for(server: MlflowServer, account: str) -> Permissions:
    """The permissions as one account sees them."""
    found = permissions()
    assert found is not None
    assert found.account.name == account
    return found


def test_an_embedded_mlflow_keeps_none(embedded_mlflow: str) -> None:
    assert permissions() is None


def test_a_server_without_accounts_keeps_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    # As a real one was seen to answer: a page of HTML that says 404, whatever is asked.
    monkeypatch.setattr(asked, "get", lambda path, **_: (404, None))
    assert permissions() is None


@pytest.mark.parametrize("password", [None, "wrong-password"])
def test_an_account_that_is_not_let_in_is_an_error(
    mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.uri)
    if password is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "sam")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    with pytest.raises(RegistryError, match="does not let this account in; set MLFLOW_") as caught:
        permissions()
    assert "wrong-password" not in str(caught.value)


def test_a_server_that_is_away_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://sam:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:9") as caught:
        permissions()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("current", "one", "said"),
    [
        ((404, None), (403, None), "version 3.17 or later"),
        ((404, None), (404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}), "version 3.17 or later"),
        ((200, None), (404, None), "form that is not known"),
        ((200, {"user": {"username": "gate"}}), (404, None), "form that is not known"),
        ((502, None), (404, None), "status 502"),
    ],
)
def test_what_allows_no_conclusion_is_an_error(
    monkeypatch: pytest.MonkeyPatch, current: Any, one: Any, said: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    answers = {"current": current, "get": one}
    monkeypatch.setattr(asked, "get", lambda path, **_: answers[path.rpartition("/")[2]])
    with pytest.raises(RegistryError, match=said):
        permissions()


def test_editors_are_all_who_may_write(mlflow_server: MlflowServer) -> None:
    place = mlflow_server.client("sam").create_experiment("editors")
    mlflow_server.client("bo").create_experiment("of-bo-alone")
    mlflow_server.grant("ada", "experiment", place, "READ")
    with mlflow_server.as_user("gate"):
        before = kept_for(mlflow_server, "gate").editors(place)
        assert before.users == ("gate", "sam")
        assert before.admins == ("admin",)
        with mlflow_server.role("ada", "run", "EDIT"), mlflow_server.admin("bo"):
            after = kept_for(mlflow_server, "gate").editors(place)
        assert after.users == ("ada", "gate", "sam")
        assert after.admins == ("admin", "bo")


def test_accounts_with_the_same_grants_are_asked_about_once(
    mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = mlflow_server.client("admin").create_experiment("asked-once")
    names = [f"person-{number}" for number in range(4)]
    for name in names:
        mlflow_server.add_account(name)
        mlflow_server.client(name).create_experiment(f"of-{name}")
    requests: list[str] = []
    get = asked.get
    monkeypatch.setattr(
        asked, "get", lambda path, **query: requests.append(path) or get(path, **query)
    )
    try:
        with mlflow_server.as_user("gate"):
            assert kept_for(mlflow_server, "gate").editors(place).users == ("gate",)
        assert len(requests) <= 8
    finally:
        for name in names:
            mlflow_server.remove_account(name)


def test_who_may_not_ask_is_told_nothing(mlflow_server: MlflowServer) -> None:
    place = mlflow_server.client("bo").create_experiment("of-bo")
    with mlflow_server.as_user("bo"):
        found = kept_for(mlflow_server, "bo")
        assert found.may_create_runs("bo", place), "about oneself anybody may ask"
        for ask in (
            lambda: found.editors(place),
            lambda: found.may_edit_model("sam", "any"),
            lambda: found.may_edit_experiment("sam", place),
        ):
            with pytest.raises(RegistryError, match="make it an administrator"):
                ask()


@pytest.mark.parametrize(("permission", "edits"), [("USE", False), ("EDIT", True), ("OWN", True)])
def test_the_permission_of_everybody_counts(
    monkeypatch: pytest.MonkeyPatch, permission: str, edits: bool
) -> None:
    """One that is not known here, too; who may edit by default may edit without any grant."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    users = [{"username": name, "is_admin": False, "roles": []} for name in ("ada", "sam")]
    answers = {"list": {"users": users}, "get": {"permission": permission}}
    monkeypatch.setattr(asked, "get", lambda path, **_: (200, answers[path.rpartition("/")[2]]))
    found = Permissions(Account("gate", is_admin=True))
    assert found.may_edit_model("sam", "any") is edits
    assert found.editors("1").users == (("ada", "sam") if edits else ())
    assert not found.may_edit_model("nobody", "any")


def registered(server: MlflowServer, name: str, source: str, **more: Any) -> ModelVersion:
    """A version of sam's with a source of any form."""
    client = server.client("sam")
    client.create_registered_model(name)
    version = client.create_model_version(name, source, **more)
    return ModelVersion(
        name=name, version=str(version.version), created_ms=version.creation_timestamp
    )


def test_the_origin_of_a_run(mlflow_server: MlflowServer) -> None:
    client = mlflow_server.client("sam")
    place = client.create_experiment("origin-of-a-run")
    run = client.create_run(place).info
    for name, uri in (("origin-run", f"runs:/{run.run_id}"), ("origin-files", run.artifact_uri)):
        version = registered(mlflow_server, name, f"{uri}/model", run_id=run.run_id)
        with mlflow_server.as_user("gate"):
            assert origin(version) == Origin((name,), (place,))


def test_the_origin_of_files_below_another_experiment(mlflow_server: MlflowServer) -> None:
    """MLflow lets an experiment keep its files below another, and then asks about that one."""
    client = mlflow_server.client("sam")
    other = client.create_experiment("origin-below")
    place = client.create_experiment("origin-above", f"mlflow-artifacts:/{other}")
    run_id = client.create_run(place).info.run_id
    version = registered(mlflow_server, "origin-apart", f"runs:/{run_id}/model", run_id=run_id)
    with mlflow_server.as_user("gate"):
        assert origin(version).experiments == tuple(sorted((place, other)))


def test_an_origin_outside_mlflow_is_the_model_alone(mlflow_server: MlflowServer) -> None:
    version = registered(mlflow_server, "origin-outside", "s3://bucket/model")
    with mlflow_server.as_user("gate"):
        assert origin(version) == Origin(("origin-outside",), ())


def test_an_origin_that_is_gone_is_an_error(case: Any) -> None:
    client = case.server.client("sam")
    version = client.get_model_version(case.source.name, case.source.version)
    case.justify()
    client.delete_logged_model(version.source.removeprefix("models:/"))
    with case.server.as_user("gate"), pytest.raises(RegistryError, match="refused"):
        origin(case.source)
    assert case.refusal().code == "justification.unauthorised"


def test_versions_that_name_each_other_are_an_error(mlflow_server: MlflowServer, case: Any) -> None:
    one, two = "origin-one", "origin-two"
    registered(mlflow_server, one, f"models:/{case.source.name}/{case.source.version}")
    registered(mlflow_server, two, f"models:/{one}/1")
    mlflow_server.client("sam").delete_registered_model(one)
    version = registered(mlflow_server, one, f"models:/{two}/1")
    with mlflow_server.as_user("gate"), pytest.raises(RegistryError, match="copied from itself"):
        origin(version)
