"""States that an MLflow and a home folder can be in, made on a real database."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient

from leanstage.gc import Plan, Rules, collect, survey
from leanstage.registry.client import connect, experiment_id

EVIDENCE = (
    "context.json",
    "plan.json",
    "decision.json",
    "report.html",
    "attestation/envelope.dsse.json",
    "decisions/1.dsse.json",
    *(
        f"{role}/{name}"
        for role in ("optimized", "fallback")
        for name in (
            "evaluation/evaluation.json",
            "evaluation/predictions.parquet",
            "energy.json",
            "variant/leanstage.json",
            "variant/attestation/envelope.dsse.json",
        )
    ),
)
WEIGHTS = ("optimized/variant/model.safetensors", "fallback/variant/onnx/model.onnx")
PARAMS = {"model": "m/1", "baseline_digest": "0", "policy": "p", "policy_sha256": "0"}


@dataclass
class State:
    """One MLflow, its experiments ``runs`` and ``promoted``, and a home folder."""

    client: MlflowClient
    folder: Path
    runs: str = "runs"
    promoted: str = "promoted"
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def rules(self, *, later: float = 0, keep: int = 1) -> Rules:
        """The rules as they hold ``later`` days from now."""
        return Rules(self.now + timedelta(days=later), keep=keep)

    def survey(self, rules: Rules) -> Plan:
        return survey(
            rules,
            experiments=[self.runs],
            promoted=[self.promoted],
            folder=self.folder / "home" / "runs",
        )

    def collect(self, rules: Rules) -> list[tuple[str, str]]:
        """Collect; returns what went, sorted."""
        went: list[tuple[str, str]] = []

        def done(item: object, gone: bool) -> None:
            if gone:
                went.append((item.kind, item.name))  # type: ignore[attr-defined]

        collect(self.survey(rules), done)
        return sorted(went)

    def model(self, status: str = "READY", *, ours: bool = True) -> str:
        """A stored model of 1,000 bytes; returns its id."""
        tags = {"leanstage.decision": "d", "leanstage.digest": "0"} if ours else {}
        place = experiment_id(self.client, self.promoted)
        model = self.client.create_logged_model(place, name="sha256-0", tags=tags)
        weights = self.folder / "weights" / "model.safetensors"
        weights.parent.mkdir(exist_ok=True)
        weights.write_bytes(bytes(1000))
        self.client.log_model_artifacts(model.model_id, str(weights.parent))
        if status != "PENDING":
            self.client.finalize_logged_model(model.model_id, status)
        return str(model.model_id)

    def version(
        self,
        name: str,
        model_id: str,
        state: str | None = "promoted",
        verdict: str = "PROMOTE_OPTIMIZED",
        alias: str | None = None,
    ) -> str:
        """A version of a registered model; returns its number."""
        tags = {"leanstage.state": state, "leanstage.verdict": verdict} if state else {}
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name)
        made = self.client.create_model_version(
            name, f"models:/{model_id}", tags=tags, model_id=model_id
        )
        if alias:
            self.client.set_registered_model_alias(name, alias, made.version)
        return str(made.version)

    def run(
        self,
        *,
        days_ago: float,
        status: str = "FINISHED",
        files: tuple[str, ...] = (),
        tags: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
    ) -> str:
        """A run that ended so long ago, with files of ten bytes each; returns its id."""
        ended = int((self.now - timedelta(days=days_ago)).timestamp() * 1000)
        place = experiment_id(self.client, self.runs)
        run = self.client.create_run(place, start_time=ended - 1000, tags=tags or {})
        for key, value in (PARAMS if params is None else params).items():
            self.client.log_param(run.info.run_id, key, value)
        for name in files:
            path = self.folder / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(10))
            parent = str(Path(name).parent)
            self.client.log_artifact(run.info.run_id, str(path), None if parent == "." else parent)
        if status != "RUNNING":
            self.client.set_terminated(run.info.run_id, status, end_time=ended)
        return str(run.info.run_id)

    def run_folder(self, name: str, *, days_ago: float) -> Path:
        """A run folder of this machine, last touched so long ago."""
        made = self.folder / "home" / "runs" / name
        (made / "pipeline" / "distill").mkdir(parents=True)
        (made / "pipeline" / "distill" / "model.safetensors").write_bytes(bytes(100))
        for paper in ("outcome.json", "decision.json", "report.html", "report.md"):
            (made / paper).write_text("{}")
        stamp = (self.now - timedelta(days=days_ago)).timestamp()
        for path in (*made.rglob("*"), made):
            os.utime(path, (stamp, stamp))
        return made


@pytest.fixture
def state(mlflow_here: str, tmp_path: Path) -> State:
    """An empty MLflow of its own."""
    return State(connect(), tmp_path)


@pytest.fixture
def files(state: State) -> Callable[[str], set[str]]:
    """The files of a run."""
    from leanstage.gc.artifacts import files_of_run

    return lambda run_id: set(files_of_run(run_id))
