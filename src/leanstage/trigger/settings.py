"""Settings of the trigger, from the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from leanstage.cluster import on_cluster
from leanstage.contracts.base import first_problem
from leanstage.errors import InputError
from leanstage.registry.client import runs_experiment

PREFIX = "LEANSTAGE_TRIGGER_"
SECRET_VARIABLE = "LEANSTAGE_WEBHOOK_SECRET"
MIN_SECRET = 16


class Settings(BaseSettings):
    """How the trigger works; each field is ``LEANSTAGE_TRIGGER_`` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    backend: Literal["kfp", "local"] = "kfp"
    """Kubeflow Pipelines, or a process of this machine."""
    flow: Literal["deploy", "split"] = "deploy"
    """One run, or ``leanstage-optimize`` and then ``leanstage-decide`` at the gate's own place."""
    namespace: str = ""
    """Where models are optimized; empty where KFP has one user."""
    gate_namespace: str = ""
    """Where the gate decides (``split``, and every run that judges again)."""
    experiment: str = "leanstage"
    """KFP experiment of the runs."""
    service_account: str = ""
    """Service account of the runs; empty takes the one that KFP is configured with."""
    gate_service_account: str = ""
    """Service account of the runs in the gate's namespace."""
    packages: Path | None = None
    """Folder with the compiled pipelines to run (``leanstage compile``); None compiles those of
    this release, for the default platform."""
    parameters: dict[str, dict[str, int | float | str]] = Field(default_factory=dict)
    """Further parameters by pipeline, as JSON: ``{"deploy": {"energy_blocks": 20}}``."""
    run_experiments: str = ""
    """MLflow experiments in which runs leave their evidence, separated by commas; empty: the one
    that this process would use (``MLFLOW_EXPERIMENT_NAME``)."""
    gate_run_experiments: str = ""
    """The same for the runs that decide, where they run apart; empty: as above."""
    max_active_runs: int = Field(default=4, ge=1)
    """Runs in progress at a time, those that others started in the same experiment included."""
    max_attempts: int = Field(default=3, ge=1, le=20)
    """Runs of a version under one policy before it counts as failed."""
    retry_seconds: float = Field(default=300, ge=0)
    """Least time between a failed run and the next attempt; doubles with each."""
    interval_seconds: float = Field(default=120, gt=0)
    """Time between two reconciliations where no webhook asks for one."""
    settle_seconds: float = Field(default=1, ge=0)
    """Time after a webhook in which further ones join it."""
    max_backoff_seconds: float = Field(default=300, gt=0)
    """Longest pause after failures of MLflow or KFP."""
    unsure_seconds: float = Field(default=90, ge=0)
    """How long a run whose creation got no clear answer is looked for before it is created again,
    and how long after a start nothing is created; longer than any request to KFP lasts."""
    host: str = "0.0.0.0"
    port: int = Field(default=8080, ge=0, le=65535)
    webhook_secret: SecretStr = Field(default=SecretStr(""), validation_alias=SECRET_VARIABLE)
    """Secret that MLflow signs webhooks with."""

    @property
    def split(self) -> bool:
        """Whether optimizing and deciding are two runs."""
        return self.flow == "split"

    @property
    def needs_hardware(self) -> bool:
        """Whether policies have to say what serves: on a cluster, unless ``parameters`` do."""
        first = "optimize" if self.split else "deploy"
        clustered = self.backend == "kfp" or on_cluster()
        return clustered and not self.parameters.get(first, {}).get("hardware")

    def experiments(self, *, gate: bool = False) -> list[str]:
        """MLflow experiments to look for evidence in."""
        named = (gate and self.gate_run_experiments) or self.run_experiments or runs_experiment()
        return [name.strip() for name in named.split(",") if name.strip()]

    def local_folder(self) -> Path:
        """Where the backend ``local`` keeps its runs."""
        from leanstage.runner.session import home

        return home() / "trigger"


def load_settings(**overrides: object) -> Settings:
    """The settings of this process.

    Raises:
        InputError: a variable holds what cannot be used; it is named.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        problem = first_problem(error)
    except SettingsError:
        problem = "PARAMETERS is not JSON"
    raise InputError(f"the trigger's settings ({PREFIX}…) cannot be used: {problem}.")


def require_secret(settings: Settings) -> bytes:
    """The webhook secret.

    Raises:
        InputError: there is none, or it is too short to keep anybody out.
    """
    secret = settings.webhook_secret.get_secret_value().strip()
    if len(secret) < MIN_SECRET:
        raise InputError(
            f"{SECRET_VARIABLE} is {'missing' if not secret else 'too short'}; set the secret that "
            f"the webhook was registered with, at least {MIN_SECRET} characters, or start with "
            "--no-webhook to poll only."
        )
    return secret.encode()
