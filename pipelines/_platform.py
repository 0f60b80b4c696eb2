"""What a cluster gives to the tasks: resources, nodes, settings, secrets, volumes, retries."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field

from leanstage.contracts.base import Part
from leanstage.contracts.strict import read_fields, strict_yaml
from leanstage.errors import InputError

PLATFORM_VARIABLE = "LEANSTAGE_PLATFORM"

Cpu = Annotated[str, Field(pattern=r"^\d+(\.\d+)?m?$")]
Memory = Annotated[str, Field(pattern=r"^\d+([EPTGMK]i?)?$")]
Storage = Annotated[str, Field(pattern=r"^[1-9]\d*([EPTGMK]i?)?$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
Policies = Annotated[str, Field(pattern=r"^(mlflow:.+|[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Size(Part):
    """What a task may use; Kubernetes requests for it what it limits it to.

    Attributes:
        cpu: cores, or thousandths of one (``500m``).
        memory: bytes, with a suffix (``16Gi``).
        accelerators: devices of the type that :class:`Platform` names.
    """

    cpu: Cpu = "4"
    memory: Memory = "16Gi"
    accelerators: int = Field(default=0, ge=0)


class Toleration(Part):
    """A taint that a task accepts."""

    key: str | None = None
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


class Nodes(Part):
    """The nodes that tasks may run on; empty is any."""

    selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()


class Environment(Part):
    """Environment variables by key of a Secret or ConfigMap; one that is not there sets none."""

    name: Name
    keys: dict[str, Variable]
    optional: bool = True


class Retries(Part):
    """How often a training that was killed starts again, and after how many seconds."""

    count: int = Field(default=2, ge=0)
    seconds: int = Field(default=60, ge=0)
    factor: float = Field(default=2.0, ge=1.0)
    most_seconds: int = Field(default=600, ge=0)


class Volume(Part):
    """A volume to be claimed; None takes the storage class of the cluster."""

    size: Storage
    storage_class: Name | None = None
    access_mode: Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"] = "ReadWriteOnce"


def _as_themselves(*names: str) -> dict[str, str]:
    return {name: name for name in names}


class Platform(Part):
    """Settings of one cluster, for every pipeline; see ``docs/kubeflow.md``.

    The sizes, the type of the accelerator and the selector of the serving nodes are defaults of
    the run form, the rest is compiled into the package.
    """

    distill: Size = Size()
    prune: Size = Size()
    quantize: Size = Size()
    serving: Size = Size(memory="8Gi")
    """Of evaluate, energy_measure and calibrate: what the model has where it serves."""
    control: Size = Size(cpu="1", memory="4Gi")
    """Of every other task; not in the run form."""
    accelerator: str = Field(default="nvidia.com/gpu", min_length=1)

    training_nodes: Nodes = Nodes()
    """For distill and prune."""
    serving_nodes: Nodes = Nodes()
    """For what is timed: quantize, evaluate, energy_measure, calibrate."""
    control_nodes: Nodes = Nodes()
    image_pull_secrets: tuple[Name, ...] = ()

    settings: Environment | None = Environment(
        name="leanstage-settings",
        keys=_as_themselves(
            "MLFLOW_TRACKING_URI",
            "MLFLOW_EXPERIMENT_NAME",
            "MLFLOW_S3_ENDPOINT_URL",
            "AWS_ENDPOINT_URL",
            "AWS_DEFAULT_REGION",
            "HF_ENDPOINT",
        ),
    )
    """ConfigMap."""
    mlflow: Environment | None = Environment(
        name="leanstage-mlflow",
        keys=_as_themselves("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"),
    )
    object_store: Environment | None = Environment(
        name="leanstage-object-store",
        keys=_as_themselves("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    )
    measuring: Environment | None = Environment(
        name="leanstage-measuring",
        keys=_as_themselves(
            "LEANSTAGE_METER",
            "LEANSTAGE_POD",
            "LEANSTAGE_PROMETHEUS",
            "LEANSTAGE_PROMETHEUS_TOKEN",
            "LEANSTAGE_ENDPOINT",
            "LEANSTAGE_ENDPOINT_TOKEN",
        ),
    )
    """Secret for evaluate and energy_measure: what reads the energy, and what answers."""
    key: Name | None = "leanstage-key"
    """Secret with the private key as ``leanstage.key``; only the gate gets it."""
    policies: Policies | None = "leanstage-policies"
    """ConfigMap with policies, or ``mlflow:EXPERIMENT``; None: the default preset holds."""
    tree: Name | None = None
    """ConfigMap with branches of the decision tree as ``decision-tree.yaml``; None: they are with
    the policies, if anywhere."""
    trust: Name | None = "leanstage-trust"
    """ConfigMap with the public keys, and the revocation list."""

    retries: Retries = Retries()
    shared_memory: Storage = "2Gi"
    """Of the trainings, out of their memory: processes on several accelerators talk through it."""
    workspace: Volume | None = None
    """One volume a run, for checkpoints: with it, a training that was killed goes on."""
    scratch: Volume | None = None
    """One volume a task, for temporary files that are too large for the node's disk."""
    ttl_seconds: int | None = Field(default=None, gt=0)
    """How long the cluster keeps the workflow of a finished run; None leaves it to the cluster."""

    @classmethod
    def here(cls) -> Self:
        """The settings in the file that ``LEANSTAGE_PLATFORM`` names; unset, the defaults."""
        named = os.environ.get(PLATFORM_VARIABLE)
        return cls.load(Path(named)) if named else cls()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read settings from YAML.

        Raises:
            InputError: unreadable, an unknown key (the nearest known one is named), or a value
                that no cluster takes.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read; give a file of platform settings.") from error
        fields = strict_yaml(text, where=str(path))
        return read_fields(fields or {}, cls, where=str(path), what="file of platform settings")
