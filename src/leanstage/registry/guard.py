"""An authorization function for MLflow's basic-auth app: what is the gate's the gate changes alone.

To MLflow, setting an alias takes what creating a version takes, and an administrator needs nothing.
Named in the server's ``basic_auth.ini``::

    authorization_function = leanstage.registry.guard:authorize

it lets MLflow authenticate as before and then refuses, to everybody but the gate's accounts,
administrators included: setting or taking away a protected alias, deleting or renaming what carries
one, the tags by which a version is champion, writing to the gate's experiments, and changing the
gate's accounts. It runs in the server's process, next to MLflow and Flask and without the rest of
leanstage.

MLflow reads one of several spellings of a name and leaves the others alone, so what any of them
asks for counts here.

Settings, names with commas between them: ``LEANSTAGE_GUARD_ACCOUNTS`` of the gate, required;
``LEANSTAGE_GUARD_ALIASES`` (``champion``), ``LEANSTAGE_GUARD_EXPERIMENTS``
(``leanstage-promoted``).
"""

import json
import logging
import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response, g, jsonify, make_response, request

ACCOUNTS_VARIABLE = "LEANSTAGE_GUARD_ACCOUNTS"
ALIASES_VARIABLE = "LEANSTAGE_GUARD_ALIASES"
EXPERIMENTS_VARIABLE = "LEANSTAGE_GUARD_EXPERIMENTS"

AUDIT = logging.getLogger("leanstage.audit")
"""A line of JSON for each change that was refused, and for each that the gate made."""

_API = re.compile(r"/(?:ajax-)?api/\d+\.\d+/(.*)")
_READING = re.compile(r"mlflow/[a-z-]+/(search|get|list|query|batch-get)[a-z-]*")
"""Pages that change nothing although they are asked by POST."""
_ACCOUNTS = {f"mlflow/users/{end}" for end in ("update-password", "update-admin", "delete")}
_TAGGING = {f"mlflow/model-versions/{end}" for end in ("create", "set-tag", "delete-tag")}
STANDING = frozenset(
    f"leanstage.{end}"
    for end in ("state", "decision", "replaced", "owner", "claimed", "collected", "verdict")
)
"""Tags of a version in which a gate keeps what was promoted: by some of them
:mod:`leanstage.registry.champions` tells who is champion."""
_EXPERIMENT_KEYS = {"experimentid", "experimentids", "mlflowexperimentid"}
_RUN_KEYS = {"runid", "runuuid", "runids", "parentrunid"}
_MODEL_KEYS = {"modelid", "modelids"}
_ARTIFACTS = re.compile(r"mlflow-artifacts/(?:artifacts|mpu/[a-z]+|presigned)(?:/(.*))?")
_UPLOADS = ("mlflow-artifacts/artifacts/", "mlflow/upload-artifact")
"""Pages whose body is a file: read here, nothing of it would be left for MLflow."""

_Asked = Mapping[str, set[str]]
"""By name, in lower case and without ``_`` and ``-``, every value that a request gives it."""


class GuardedError(Exception):
    """A change that only the gate may make; the message says which."""


def authorize() -> Any:
    """MLflow's answer to who asks; 403 where that account may not change what it asks to."""
    from mlflow.server.auth import authenticate_request_basic_auth

    who = authenticate_request_basic_auth()
    if isinstance(who, Response):
        return who
    gate = _names(ACCOUNTS_VARIABLE, "")
    if not gate:
        return _refusal(f"{ACCOUNTS_VARIABLE} names no account; set it on the MLflow server.")
    user = str(who.username)
    try:
        _look_at(user, user in gate)
    except GuardedError as found:
        _audit(user, "allowed" if user in gate else "refused", str(found))
        if user not in gate:
            return _refusal(
                f"{found} is the gate's alone; ask for a run, or justify it: leanstage justify."
            )
    return who


def _look_at(user: str, is_gate: bool) -> None:
    """
    Raises:
        GuardedError: the request would change what is the gate's.
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    page = _page(request.path)
    if page is None or (request.method == "POST" and _READING.fullmatch(page)):
        return
    asked = _asked(page)
    if page in _ACCOUNTS:
        _accounts(asked)
    elif page.startswith(("mlflow/registered-models/", "mlflow/model-versions/")):
        _registry(page, asked)
    if request.method == "DELETE" and _deletes_experiments(page):
        raise GuardedError("Deleting experiments with all that lies in them")
    guarded = {name.casefold() for name in _names(EXPERIMENTS_VARIABLE, "leanstage-promoted")}
    for number in _experiments(page, asked):
        if (name := _experiment_name(number)).casefold() in guarded:
            raise GuardedError(f"Writing to experiment {name}")
    if page.startswith("mlflow/experiments/"):
        for name in _values(asked, "name", "newname"):
            if name.strip().casefold() in guarded:
                raise GuardedError(f"The name {name} of an experiment")


def _accounts(asked: _Asked) -> None:
    """Whoever sets the password of the gate is the gate."""
    gate = {name.casefold() for name in _names(ACCOUNTS_VARIABLE, "")}
    for name in _values(asked, "username"):
        if name.strip().casefold() in gate:
            raise GuardedError(f"The account {name}")


def _registry(page: str, asked: _Asked) -> None:
    protected = {alias.casefold() for alias in _names(ALIASES_VARIABLE, "champion")}
    named = ", ".join(_values(asked, "name"))
    if page == "mlflow/registered-models/alias":
        for alias in _values(asked, "alias"):
            if alias.strip().casefold() in protected:
                raise GuardedError(f"The alias {alias} of {named}")
        return
    if page in _TAGGING:
        for key in _values(asked, "key"):
            if key.strip().casefold() in STANDING:
                raise GuardedError(f"The tag {key} of {named}")
        return
    if page.rpartition("/")[2] not in ("delete", "rename", "transition-stage"):
        return
    # What goes with a whole model goes with its every version.
    whole = page.startswith("mlflow/registered-models/")
    versions = {_number(version) for version in _values(asked, "version")}
    for name in _values(asked, "name"):
        for alias, at in _aliases(name).items():
            if alias.casefold() in protected and (whole or versions & {_number(at), None}):
                raise GuardedError(f"{name} version {at}, which carries the alias {alias},")


def _number(version: str) -> int | None:
    """As a database compares it; None: what is meant cannot be told."""
    try:
        return int(version)
    except ValueError:
        return None


def _experiments(page: str, asked: _Asked) -> Iterator[str]:
    """Ids of the experiments that the request names, or in which what it names lies."""
    # A path begins with the experiment's number.
    yield next((part for part in _artifact(page) if part.isdecimal()), "")
    header = request.headers.get("x-mlflow-experiment-id")
    if header:
        yield header
    yield from _values(asked, *_EXPERIMENT_KEYS)
    yield from map(_of_run, _values(asked, *_RUN_KEYS))
    yield from map(_of_model, _values(asked, *_MODEL_KEYS))
    if page.startswith("mlflow/logged-models/"):
        yield _of_model(page.split("/")[2])


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every value below, with the name it goes by, in whatever way that is spelt."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, str(name).replace("_", "").replace("-", "").lower())
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, key)
    elif value is not None and not isinstance(value, bool):
        yield key, str(value)


def _asked(page: str) -> _Asked:
    """What body, query and path give, whatever the method."""
    body = None if page.startswith(_UPLOADS) else request.get_json(silent=True, force=True)
    if isinstance(body, str):
        # JSON in a string of JSON, which MLflow takes from clients of old.
        try:
            body = json.loads(body)
        except ValueError:
            body = None
    found: dict[str, set[str]] = {}
    for key, value in _leaves([body, request.args.to_dict(flat=False), request.view_args or {}]):
        found.setdefault(key, set()).add(value)
    return found


def _values(asked: _Asked, *keys: str) -> list[str]:
    return sorted(value for key in keys for value in asked.get(key, ()))


def _page(path: str) -> str | None:
    """Behind ``api`` or ``ajax-api``, wherever MLflow is mounted; None: no page of its API."""
    found = _API.search(path)
    if found:
        return found[1].strip("/")
    return path.strip("/") if "/v1/traces" in path else None


def _aliases(name: str) -> dict[str, str]:
    from mlflow.exceptions import MlflowException
    from mlflow.server.handlers import _get_model_registry_store

    try:
        model = _get_model_registry_store().get_registered_model(name)
    except MlflowException:
        return {}
    return {str(alias): str(version) for alias, version in dict(model.aliases).items()}


def _deletes_experiments(page: str) -> bool:
    """Whether what goes holds experiments: all artifacts, those of a workspace, or one itself."""
    if page.startswith("mlflow/workspaces/"):
        return True
    return _ARTIFACTS.match(page) is not None and not any(_artifact(page))


def _artifact(page: str) -> list[str]:
    """Parts of a path of artifacts below its workspace, as MLflow reads it; none where it is none.

    It may be encoded more than once. What MLflow does not take either has no parts.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils.uri import validate_path_is_safe

    found = _ARTIFACTS.match(page)
    if found is None:
        return []
    try:
        path = posixpath.normpath(validate_path_is_safe(found[1] or "") or ".")
    except MlflowException:
        return []
    parts = [part for part in path.split("/") if part != "."]
    return parts[2:] if parts[:1] == ["workspaces"] else parts


def _of_run(run_id: str) -> str:
    from mlflow.exceptions import MlflowException
    from mlflow.server.handlers import _get_tracking_store

    try:
        return str(_get_tracking_store().get_run(run_id).info.experiment_id)
    except MlflowException:
        return ""


def _of_model(model_id: str) -> str:
    from mlflow.exceptions import MlflowException
    from mlflow.server.handlers import _get_tracking_store

    try:
        return str(_get_tracking_store().get_logged_model(model_id).experiment_id)
    except MlflowException:
        return ""


def _experiment_name(number: str) -> str:
    from mlflow.exceptions import MlflowException
    from mlflow.server.handlers import _get_tracking_store

    if not number:
        return ""
    if not hasattr(g, "leanstage_experiments"):
        g.leanstage_experiments = {}
    known: dict[str, str] = g.leanstage_experiments
    if number not in known:
        try:
            known[number] = str(_get_tracking_store().get_experiment(number).name)
        except MlflowException:
            known[number] = ""
    return known[number]


def _names(variable: str, default: str) -> set[str]:
    return {name.strip() for name in os.environ.get(variable, default).split(",") if name.strip()}


def _refusal(said: str) -> Response:
    return make_response(jsonify({"error_code": "PERMISSION_DENIED", "message": said}), 403)


def _audit(user: str, verdict: str, what: str) -> None:
    line = {"user": user, "verdict": verdict, "what": what, "method": request.method}
    AUDIT.warning(json.dumps({**line, "path": request.path, "from": request.remote_addr}))
