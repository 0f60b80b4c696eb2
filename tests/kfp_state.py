"""What the stand-in for the KFP API server holds, and how it answers (v2beta1).

It is strict where the server is: unknown fields, filters and parameters are refused, a run needs an
experiment, several users need namespaces. Faults are put in with ``fail``.
"""

import base64
import email.parser
import email.policy
import json
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import yaml

RUN_FIELDS = {
    "experiment_id", "display_name", "description", "pipeline_spec", "pipeline_version_reference",
    "runtime_config", "service_account",
}  # fmt: skip
RECURRING_FIELDS = RUN_FIELDS | {
    "mode", "trigger", "max_concurrency", "no_catchup", "namespace",
}  # fmt: skip
OPERATIONS = {1: "EQUALS", 8: "IN", 9: "IS_SUBSTRING"}
Record = dict[str, Any]


class RefusedError(Exception):
    """An answer other than success, as grpc-gateway words it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass
class Fault:
    """One planned misbehaviour: for requests whose ``METHOD path`` the pattern finds."""

    pattern: str
    status: int = 0
    seconds: float = 0
    times: int = 1
    after: bool = False
    """The request takes effect and its answer is lost."""
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class KfpServer:
    """What the server holds, and how a test reaches in."""

    multi_user: bool = False
    token: str = ""
    uri: str = ""
    experiments: dict[str, Record] = field(default_factory=dict)
    runs: dict[str, Record] = field(default_factory=dict)
    recurring: dict[str, Record] = field(default_factory=dict)
    pipelines: dict[str, Record] = field(default_factory=dict)
    versions: dict[str, Record] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def fail(self, pattern: str, status: int = 0, **how: Any) -> None:
        """Misbehave on the next requests that match; status 0 cuts the connection."""
        self.faults.append(Fault(pattern, status, **how))

    def asked(self, pattern: str) -> int:
        """How many requests so far match."""
        return sum(re.search(pattern, line) is not None for line in self.requests)

    def run_named(self, name: str) -> Record:
        """The only run of that name."""
        (found,) = (run for run in self.runs.values() if run["display_name"] == name)
        return found

    def set_state(self, run_id: str, state: str, message: str = "") -> None:
        """Move a run on."""
        with self.lock:
            run = self.runs[run_id]
            run["state"] = state
            run["state_history"].append({"state": state, "update_time": now()})
            if state in {"SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"}:
                run["finished_at"] = now()
            if message:
                run["error"] = {"code": 2, "message": message}

    def set_task(self, run_id: str, name: str, state: str, message: str = "") -> None:
        """Put a task of a run into a state, as the run's details show it."""
        with self.lock:
            details = self.runs[run_id].setdefault("run_details", {"task_details": []})
            tasks = details["task_details"]
            task = next((entry for entry in tasks if entry["display_name"] == name), None)
            if task is None:
                task = {"task_id": uid(), "run_id": run_id, "display_name": name}
                task["start_time"] = now()
                tasks.append(task)
            task["state"] = state
            if state in {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"}:
                task["end_time"] = now()
            if message:
                task["error"] = {"code": 2, "message": message}

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, kind: str) -> Any:
        """What the server says to a request.

        Raises:
            RefusedError: it says no.
        """
        for verb, pattern, reply in ROUTES:
            found = re.fullmatch(pattern, path)
            if verb == method and found:
                with self.lock:
                    if "upload" in path:
                        return reply(self, query, _uploaded(body, kind), *found.groups())
                    sent = json.loads(body) if body else {}
                    return reply(self, query, sent, *found.groups())
        raise RefusedError(404, f"Not Found: {method} {path}")


def now() -> str:
    """The time as the server writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def uid() -> str:
    """A new id."""
    return str(uuid.uuid4())


def _healthz(server: KfpServer, query: Record, body: Record) -> Record:
    return {"multi_user": server.multi_user}


def _create_experiment(server: KfpServer, query: Record, body: Record) -> Record:
    _only(body, {"display_name", "description", "namespace"})
    name, namespace = body.get("display_name"), body.get("namespace", "")
    if not name:
        raise RefusedError(400, "Experiment name is empty. Please specify a valid experiment name.")
    if server.multi_user and not namespace:
        raise RefusedError(400, "Namespace should be specified in multi-user mode.")
    if any(
        entry["display_name"] == name and entry.get("namespace", "") == namespace
        for entry in server.experiments.values()
    ):
        raise RefusedError(409, f"Experiment {name} already exists.")
    made = {"experiment_id": uid(), "created_at": now(), "storage_state": "AVAILABLE", **body}
    server.experiments[made["experiment_id"]] = made
    return made


def _list_experiments(server: KfpServer, query: Record, body: Record) -> Record:
    namespace = query.get("namespace", "")
    if server.multi_user and not namespace:
        raise RefusedError(400, "Namespace should be specified in multi-user mode.")
    entries = [e for e in server.experiments.values() if e.get("namespace", "") == namespace]
    return _page("experiments", entries, query)


def _get(kind: str) -> Callable[..., Record]:
    def reply(server: KfpServer, query: Record, body: Record, key: str) -> Record:
        found: Record | None = getattr(server, kind).get(key)
        if found is None:
            raise RefusedError(404, f"{kind} {key} not found.")
        return found

    return reply


def _create_run(server: KfpServer, query: Record, body: Record) -> Record:
    _only(body, RUN_FIELDS)
    experiment = server.experiments.get(body.get("experiment_id", ""))
    if experiment is None:
        raise RefusedError(400, "Failed to create a run: its experiment does not exist.")
    spec, reference = body.get("pipeline_spec"), body.get("pipeline_version_reference")
    if reference:
        version = server.versions.get(reference.get("pipeline_version_id", ""))
        if version is None or version["pipeline_id"] != reference.get("pipeline_id"):
            raise RefusedError(404, "The pipeline version does not exist.")
        spec = version["pipeline_spec"]
    if not spec:
        raise RefusedError(400, "A run needs a pipeline spec or a pipeline version.")
    _check_parameters(spec, body.get("runtime_config", {}).get("parameters", {}))
    made = {
        "run_id": uid(),
        "created_at": now(),
        "state": "PENDING",
        "storage_state": "AVAILABLE",
        "state_history": [{"state": "PENDING", "update_time": now()}],
        **body,
    }
    server.runs[made["run_id"]] = made
    return made


def _create_recurring_run(server: KfpServer, query: Record, body: Record) -> Record:
    _only(body, RECURRING_FIELDS)
    if body.get("experiment_id", "") not in server.experiments:
        raise RefusedError(400, "Failed to create a recurring run: its experiment does not exist.")
    cron = body["trigger"].get("cron_schedule", {}).get("cron", "")
    if len(cron.split()) != 6:
        raise RefusedError(400, "Schedule cron is not supported: it has six fields.")
    _check_parameters(body["pipeline_spec"], body.get("runtime_config", {}).get("parameters", {}))
    made = {"recurring_run_id": uid(), "created_at": now(), "status": "ENABLED", **body}
    server.recurring[made["recurring_run_id"]] = made
    return made


def _check_parameters(spec: Record, given: Record) -> None:
    root = spec.get("pipeline_spec", spec).get("root", {})
    known = root.get("inputDefinitions", {}).get("parameters", {})
    for name in given:
        if name not in known:
            raise RefusedError(400, f"parameter {name} is not defined in the pipeline.")
    for name, about in known.items():
        if name not in given and "defaultValue" not in about and not about.get("isOptional"):
            raise RefusedError(400, f"parameter {name} is required.")


def _list_runs(server: KfpServer, query: Record, body: Record) -> Record:
    entries = list(server.runs.values())
    if query.get("experiment_id"):
        entries = [run for run in entries if run["experiment_id"] == query["experiment_id"]]
    elif server.multi_user:
        namespace = query.get("namespace") or ""
        if not namespace:
            raise RefusedError(400, "Namespace should be specified in multi-user mode.")
        entries = [
            run
            for run in entries
            if server.experiments[run["experiment_id"]].get("namespace") == namespace
        ]
    return _page("runs", entries, query)


def _create_pipeline(server: KfpServer, query: Record, body: Record) -> Record:
    _only(body, {"name", "display_name", "description", "namespace"})
    name, namespace = body.get("name", ""), body.get("namespace", "")
    if not name:
        raise RefusedError(400, "Pipeline name is empty. Please specify a valid pipeline name.")
    if any(
        pipeline["name"] == name and pipeline.get("namespace", "") == namespace
        for pipeline in server.pipelines.values()
    ):
        raise RefusedError(409, f"Pipeline {name} already exists.")
    made = {"display_name": name, **body, "pipeline_id": uid(), "created_at": now()}
    server.pipelines[made["pipeline_id"]] = made
    return made


def _upload(server: KfpServer, query: Record, package: Record) -> Record:
    name = query.get("name") or package["pipeline_spec"]["pipelineInfo"]["name"]
    namespace = {"namespace": query["namespace"]} if query.get("namespace") else {}
    made = _create_pipeline(server, query, {"name": name, **namespace})
    _add_version(server, made["pipeline_id"], name, package, query)
    return made


def _upload_version(server: KfpServer, query: Record, package: Record) -> Record:
    pipeline_id, name = query.get("pipelineid", ""), query.get("name", "")
    if pipeline_id not in server.pipelines:
        raise RefusedError(404, f"Pipeline {pipeline_id} not found.")
    if not name:
        raise RefusedError(400, "A pipeline version needs a name.")
    return _add_version(server, pipeline_id, name, package, query)


def _add_version(
    server: KfpServer, pipeline_id: str, name: str, package: Record, query: Record
) -> Record:
    if any(
        version["pipeline_id"] == pipeline_id and version["name"] == name
        for version in server.versions.values()
    ):
        raise RefusedError(409, f"Pipeline version {name} already exists.")
    made = {
        "pipeline_id": pipeline_id,
        "pipeline_version_id": uid(),
        "name": name,
        "display_name": name,
        "description": query.get("description", ""),
        "created_at": now(),
        "pipeline_spec": package,
    }
    server.versions[made["pipeline_version_id"]] = made
    return made


def _pipeline_by_name(server: KfpServer, query: Record, body: Record, name: str) -> Record:
    for pipeline in server.pipelines.values():
        if pipeline["name"] == name:
            return pipeline
    raise RefusedError(404, f"Pipeline {name} not found.")


def _list_pipelines(server: KfpServer, query: Record, body: Record) -> Record:
    namespace = query.get("namespace", "")
    entries = [p for p in server.pipelines.values() if p.get("namespace", "") == namespace]
    return _page("pipelines", entries, query)


def _list_versions(server: KfpServer, query: Record, body: Record, pipeline_id: str) -> Record:
    found = [v for v in server.versions.values() if v["pipeline_id"] == pipeline_id]
    return _page("pipeline_versions", found, query)


ROUTES: list[tuple[str, str, Callable[..., Record]]] = [
    ("GET", "/healthz", _healthz),
    ("POST", "/experiments", _create_experiment),
    ("GET", "/experiments", _list_experiments),
    ("GET", "/experiments/([^/:]+)", _get("experiments")),
    ("POST", "/runs", _create_run),
    ("GET", "/runs", _list_runs),
    ("GET", "/runs/([^/:]+)", _get("runs")),
    ("POST", "/recurringruns", _create_recurring_run),
    ("POST", "/pipelines/upload", _upload),
    ("POST", "/pipelines/upload_version", _upload_version),
    ("GET", "/pipelines", _list_pipelines),
    ("POST", "/pipelines", _create_pipeline),
    ("GET", "/pipelines/names/([^/]+)", _pipeline_by_name),
    ("GET", "/pipelines/([^/]+)", _get("pipelines")),
    ("GET", "/pipelines/([^/]+)/versions", _list_versions),
]


def _only(body: Record, known: set[str]) -> None:
    for name in body:
        if name not in known:
            raise RefusedError(400, f"unknown field {name!r}")


def _page(kind: str, entries: list[Record], query: Record) -> Record:
    """One page of what the filter leaves, in the order that was asked for."""
    known = {"page_token", "page_size", "sort_by", "filter", "namespace", "experiment_id"}
    _only(query, known)
    for predicate in json.loads(query.get("filter") or "{}").get("predicates", []):
        entries = [entry for entry in entries if _holds(predicate, entry)]
    by, _, order = (query.get("sort_by") or "created_at").partition(" ")
    if order not in {"", "asc", "desc"}:
        raise RefusedError(400, f"Invalid sort order {order!r}.")
    entries = sorted(entries, key=lambda entry: str(entry[by]), reverse=order == "desc")
    start = int(base64.b64decode(query.get("page_token") or "") or b"0")
    size = min(int(query.get("page_size") or 20), 200)
    page: Record = {kind: entries[start : start + size], "total_size": len(entries)}
    if start + size < len(entries):
        page["next_page_token"] = base64.b64encode(str(start + size).encode()).decode()
    return page


def _holds(predicate: Record, entry: Record) -> bool:
    operation = OPERATIONS.get(predicate["operation"], predicate["operation"])
    if predicate["key"] not in {"display_name", "name", "state", "experiment_id", "created_at"}:
        raise RefusedError(400, f"Filter: unrecognized key {predicate['key']!r}.")
    found = entry.get("display_name" if predicate["key"] == "name" else predicate["key"])
    text = predicate.get("stringValue", predicate.get("string_value"))
    if operation == "IN":
        values = predicate.get("stringValues") or predicate["string_values"]
        return found in values["values"]
    if operation == "EQUALS":
        return bool(found == text)
    if operation == "IS_SUBSTRING":
        return str(text) in str(found)
    raise RefusedError(400, f"Filter: unrecognized operation {operation!r}.")


def _uploaded(body: bytes, kind: str) -> Record:
    """The package of a multipart upload, parsed as the server does."""
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    for part in message.iter_parts():
        if part.get_param("name", header="content-disposition") == "uploadfile":
            documents = list(yaml.safe_load_all(part.get_content()))
            return {"pipeline_spec": documents[0], "platform_spec": (documents[1:] or [{}])[0]}
    raise RefusedError(400, "Failed to read pipeline from the form: no uploadfile.")
