"""The authorization function, in a real MLflow server: what is the gate's, nobody else changes."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, request

from leanstage.registry import guard
from leanstage.registry.champions import COLLECTED, claim_tags
from leanstage.registry.guard import STANDING
from tests.mlflow_process import running
from tests.mlflow_server import ADMIN, GATE, MlflowServer

SAM = "sam"
MODEL, EXPERIMENT = "reviews", "leanstage-promoted"


@dataclass(frozen=True)
class Guarded:
    server: MlflowServer
    log: Path
    experiment: str
    run: str
    """Of the gate, in its experiment."""
    own: str
    """An experiment of sam's."""

    def ask(self, user: str, method: str, path: str, **options: Any) -> requests.Response:
        """A request to any page, as it is."""
        return requests.request(
            method,
            f"{self.server.uri}/{path}",
            auth=(user, self.server.passwords[user]),
            timeout=30,
            **options,
        )

    def champion(self) -> str:
        found = self.ask(
            GATE, "GET", "api/2.0/mlflow/registered-models/get", params={"name": MODEL}
        )
        (alias,) = found.json()["registered_model"]["aliases"]
        return str(alias["version"])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    password = secrets.token_urlsafe(16)
    folder = tmp_path_factory.mktemp("guarded")
    with running(
        folder,
        admin=ADMIN,
        password=password,
        authorization="leanstage.registry.guard:authorize",
        environment={"LEANSTAGE_GUARD_ACCOUNTS": GATE},
    ) as uri:
        server = MlflowServer(uri, {ADMIN: password})
        for name in (GATE, SAM):
            server.add_account(name)
        gate, sam = server.client(GATE), server.client(SAM)
        own = sam.create_experiment("own")
        made = sam.create_run(own).info
        sam.create_registered_model(MODEL)
        for number in range(2):
            source = f"{made.artifact_uri}/{number}"
            sam.create_model_version(MODEL, source=source, run_id=made.run_id)
        server.grant(GATE, "registered_model", MODEL, "MANAGE")
        gate.set_registered_model_alias(MODEL, "champion", "1")
        experiment = gate.create_experiment(EXPERIMENT)
        # The worst case: sam was given what MLflow has to give.
        server.grant(SAM, "experiment", experiment, "MANAGE")
        run = gate.create_run(experiment).info.run_id
        yield Guarded(server, folder / "server.log", experiment, run, own)


ALIAS = "2.0/mlflow/registered-models/alias"
TAKES = {"name": MODEL, "alias": "champion", "version": "2"}


@pytest.mark.parametrize("user", [SAM, ADMIN])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"api/{ALIAS}", TAKES),
        ("POST", f"ajax-api/{ALIAS}", TAKES),
        ("POST", f"api/{ALIAS}", {**TAKES, "alias": "Champion"}),
        ("POST", f"api/{ALIAS}", {**TAKES, "alias": "CHAMPION"}),
        ("POST", f"api/{ALIAS}", {**TAKES, "alias": " champion"}),
        ("POST", f"api//{ALIAS}", TAKES),
        ("POST", f"api/{ALIAS}/", TAKES),
        ("DELETE", f"api/{ALIAS}", TAKES),
        ("DELETE", f"ajax-api/{ALIAS}?name={MODEL}&alias=champion", None),
        ("DELETE", "api/2.0/mlflow/registered-models/delete", {"name": MODEL}),
        ("DELETE", "api/2.0/mlflow/model-versions/delete", {"name": MODEL, "version": "1"}),
        ("POST", "api/2.0/mlflow/registered-models/rename", {"name": MODEL, "new_name": "x"}),
        ("PATCH", "api/2.0/mlflow/registered-models/rename", {"name": MODEL, "newName": "x"}),
    ],
)
def test_only_the_gate_decides_what_is_champion(
    user: str, method: str, path: str, body: Any, guarded: Guarded
) -> None:
    answer = guarded.ask(user, method, path, json=body)
    # Of a page that is spelt in another way there may be none.
    assert answer.status_code in (403, 404, 405), answer.text
    assert answer.status_code == 403 or path.endswith("/") or "//" in path
    assert guarded.champion() == "1"


RAW = [
    # MLflow reads the exact name and leaves the other alone.
    ("POST", ALIAS, '{"name":"reviews","alias":"champion","version":"2","Alias":"x"}'),
    ("POST", ALIAS, '{"name":"reviews","ALIAS":"x","alias":"champion","version":"2"}'),
    # JSON in a string of JSON, as older clients send it.
    ("POST", ALIAS, json.dumps(json.dumps(TAKES))),
    (
        "DELETE",
        "2.0/mlflow/registered-models/delete",
        '{"name":"reviews","version":"9","Name":"x"}',
    ),
    (
        "DELETE",
        "2.0/mlflow/model-versions/delete",
        '{"name":"reviews","version":"01","Version":"9"}',
    ),
]


@pytest.mark.parametrize("user", [SAM, ADMIN])
@pytest.mark.parametrize(("method", "path", "body"), RAW)
def test_a_name_spelt_twice_is_no_way_round(
    user: str, method: str, path: str, body: str, guarded: Guarded
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = guarded.ask(user, method, f"api/{path}", data=body, headers=headers)
    assert answer.status_code == 403, answer.text
    assert guarded.champion() == "1"


@pytest.mark.parametrize("user", [SAM, ADMIN])
def test_only_the_gate_says_which_version_has_been_promoted(user: str, guarded: Guarded) -> None:
    tags = "api/2.0/mlflow/model-versions"
    for key in ("leanstage.state", "Leanstage.State", "leanstage.decision"):
        tag = {"name": MODEL, "version": "2", "key": key, "value": "promoted"}
        assert guarded.ask(user, "POST", f"{tags}/set-tag", json=tag).status_code == 403
        assert guarded.ask(user, "DELETE", f"{tags}/delete-tag", json=tag).status_code == 403
    forged = {
        "name": MODEL,
        "source": "models:/reviews/2",
        "tags": [{"key": "leanstage.state", "value": "promoted"}],
    }
    assert guarded.ask(user, "POST", f"{tags}/create", json=forged).status_code == 403
    status = {"name": MODEL, "version": "2", "key": "leanstage.status", "value": "running"}
    assert guarded.ask(user, "POST", f"{tags}/set-tag", json=status).status_code == 200


def test_the_tags_are_those_that_the_history_is_read_from() -> None:
    claimed = claim_tags("decision", None)
    assert {*claimed, COLLECTED} <= STANDING


@pytest.mark.parametrize("user", [SAM, ADMIN])
def test_the_flag_of_a_prompt_is_no_way_round(user: str, guarded: Guarded) -> None:
    tag = {"name": MODEL, "key": "mlflow.prompt.is_prompt", "value": "true"}
    answer = guarded.ask(user, "POST", "api/2.0/mlflow/registered-models/set-tag", json=tag)
    try:
        assert guarded.ask(user, "POST", f"api/{ALIAS}", json=TAKES).status_code == 403
    finally:
        del tag["value"]
        guarded.ask(ADMIN, "DELETE", "api/2.0/mlflow/registered-models/delete-tag", json=tag)
    assert answer.status_code in (200, 403)
    assert guarded.champion() == "1"


@pytest.mark.parametrize("user", [SAM, ADMIN])
def test_only_the_gate_writes_to_its_experiment(user: str, guarded: Guarded) -> None:
    run, experiment = guarded.run, guarded.experiment
    pages: list[tuple[str, str, Any]] = [
        ("POST", "api/2.0/mlflow/runs/create", {"experiment_id": experiment}),
        ("POST", "ajax-api/2.0/mlflow/runs/create", {"experimentId": experiment}),
        ("POST", "api/2.0/mlflow/runs/set-tag", {"run_id": run, "key": "a", "value": "b"}),
        ("POST", "api/2.0/mlflow/runs/set-tag", {"runId": run, "key": "a", "value": "b"}),
        ("POST", "api/2.0/mlflow/runs/log-parameter", {"run_uuid": run, "key": "a", "value": "b"}),
        ("POST", "api/2.0/mlflow/runs/log-batch", {"run_id": run, "tags": []}),
        ("POST", "api/2.0/mlflow/runs/delete", {"run_id": run}),
        ("POST", "api/2.0/mlflow/logged-models", {"experiment_id": experiment, "name": "x"}),
        ("POST", "api/2.0/mlflow/experiments/delete", {"experiment_id": experiment}),
        (
            "POST",
            "api/2.0/mlflow/experiments/update",
            {"experiment_id": experiment, "new_name": "x"},
        ),
        ("POST", "api/2.0/mlflow/experiments/create", {"name": EXPERIMENT}),
    ]
    for method, path, body in pages:
        answer = guarded.ask(user, method, path, json=body)
        assert answer.status_code == 403, (path, body, answer.text)
    upload = f"api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/decision.json"
    assert guarded.ask(user, "PUT", upload, data=b"{}").status_code == 403
    assert guarded.ask(user, "DELETE", upload).status_code == 403
    named_like_a_search = upload.replace("decision.json", "search")
    assert guarded.ask(user, "PUT", named_like_a_search, data=b"{}").status_code == 403
    # MLflow decodes a path again and again before it takes it.
    digits = "".join(f"%25{ord(digit):x}" for digit in experiment)
    twice = digits.replace("%", "%25")
    for encoded in (digits, twice, f"%252e/{experiment}", f"%2566ile:{experiment}"):
        hidden = upload.replace(f"/{experiment}/", f"/{encoded}/")
        for method in ("DELETE", "PUT"):
            answer = guarded.ask(user, method, hidden, data=b"{}")
            # What MLflow cannot read as a path it refuses itself.
            assert answer.status_code in (400, 403, 404), (encoded, method, answer.text)
    page = f"ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=decision.json"
    assert guarded.ask(user, "POST", page, data=b"{}").status_code == 403


@pytest.mark.parametrize(
    "path", ["%252e", "file:", "", "workspaces", "workspaces/team", "%252e/workspaces/team/%252e"]
)
def test_nobody_deletes_all_experiments_at_once(path: str, guarded: Guarded) -> None:
    page = f"api/2.0/mlflow-artifacts/artifacts/{path}"
    assert guarded.ask(ADMIN, "DELETE", page).status_code == 403
    assert guarded.ask(ADMIN, "DELETE", "api/3.0/mlflow/workspaces/team").status_code == 403


@pytest.mark.parametrize("name", [EXPERIMENT, EXPERIMENT.upper(), f" {EXPERIMENT}"])
def test_nobody_takes_the_name_of_the_gates_experiment(name: str, guarded: Guarded) -> None:
    page = "api/2.0/mlflow/experiments/create"
    assert guarded.ask(SAM, "POST", page, json={"name": name}).status_code == 403


def test_a_logged_model_of_the_gate_stays_as_it_is(guarded: Guarded) -> None:
    gate = guarded.server.client(GATE)
    model = gate.create_logged_model(guarded.experiment, name="promoted").model_id
    for user in (SAM, ADMIN):
        page = f"api/2.0/mlflow/logged-models/{model}"
        assert guarded.ask(user, "DELETE", page).status_code == 403
        tags = {"tags": [{"key": "a", "value": "b"}]}
        assert guarded.ask(user, "PATCH", f"{page}/tags", json=tags).status_code == 403


def test_what_is_uploaded_arrives_whole(guarded: Guarded) -> None:
    """A guard that reads the body leaves nothing of it to MLflow where Flask takes it in."""
    sent = secrets.token_bytes(100_000)
    app = Flask("mlflow")
    app.before_request(lambda: guard._look_at(SAM, False))
    app.add_url_rule(
        "/api/2.0/mlflow-artifacts/artifacts/<path:path>",
        view_func=lambda path: {"read": len(request.stream.read())},
        methods=["PUT"],
    )
    answer = app.test_client().put("/api/2.0/mlflow-artifacts/artifacts/a/b", data=sent)
    assert answer.json == {"read": len(sent)}


def test_who_sets_the_password_of_the_gate_would_be_the_gate(guarded: Guarded) -> None:
    decoy = f'{{"username":"{GATE}","password":"0123456789abcdef","user_name":"me"}}'
    headers = {"Content-Type": "application/json"}
    page = "api/2.0/mlflow/users/update-password"
    assert guarded.ask(ADMIN, "PATCH", page, data=decoy, headers=headers).status_code == 403
    for end, method, body in (
        ("update-password", "PATCH", {"password": "0123456789abcdef"}),
        ("update-admin", "PATCH", {"is_admin": False}),
        ("delete", "DELETE", {}),
    ):
        page = f"api/2.0/mlflow/users/{end}"
        answer = guarded.ask(ADMIN, method, page, json={"username": GATE, **body})
        assert answer.status_code == 403, end


def test_the_gate_may_and_others_keep_what_is_theirs(guarded: Guarded) -> None:
    gate, sam = guarded.server.client(GATE), guarded.server.client(SAM)
    gate.set_registered_model_alias(MODEL, "champion", "2")
    assert guarded.champion() == "2"
    gate.set_registered_model_alias(MODEL, "champion", "1")
    gate.set_tag(guarded.run, "decision", "PROMOTE_OPTIMIZED")
    sam.set_registered_model_alias(MODEL, "candidate", "2")
    sam.delete_registered_model_alias(MODEL, "candidate")
    run = sam.create_run(guarded.own).info.run_id
    sam.log_param(run, "a", "b")
    source = f"{sam.get_run(run).info.artifact_uri}/x"
    sam.create_model_version(MODEL, source=source, run_id=run)
    found = sam.search_runs([guarded.experiment])
    assert [one.info.run_id for one in found] == [guarded.run], "what is read is no change"


def test_a_refusal_says_the_way_out_and_leaves_an_audit_line(guarded: Guarded) -> None:
    answer = guarded.ask(ADMIN, "POST", f"api/{ALIAS}", json=TAKES)
    assert answer.json()["message"] == (
        "The alias champion of reviews is the gate's alone; ask for a run, or justify it: "
        "leanstage justify."
    )
    guarded.server.client(GATE).set_registered_model_alias(MODEL, "champion", "1")
    lines = guarded.log.read_text().splitlines()
    audited = [json.loads(line[line.index("{") :]) for line in lines if '"verdict"' in line]
    last = {one["verdict"]: one for one in audited if one["what"].startswith("The alias")}
    assert last["refused"]["user"] == ADMIN
    assert last["allowed"]["user"] == GATE
    assert last["allowed"]["what"] == "The alias champion of reviews"
    assert not any(
        secret in guarded.log.read_text() for secret in guarded.server.passwords.values()
    )


def test_without_accounts_of_the_gate_nobody_is_let_in(tmp_path: Path) -> None:
    password = secrets.token_urlsafe(16)
    with running(
        tmp_path, admin=ADMIN, password=password, authorization="leanstage.registry.guard:authorize"
    ) as uri:
        answer = requests.get(
            f"{uri}/api/2.0/mlflow/experiments/get-by-name",
            params={"experiment_name": "Default"},
            auth=(ADMIN, password),
            timeout=30,
        )
        assert answer.status_code == 403
        assert "LEANSTAGE_GUARD_ACCOUNTS names no account" in answer.json()["message"]
