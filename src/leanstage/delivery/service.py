"""What an InferenceService has to say to serve one promoted variant, and nothing else."""

import math
import re
from dataclasses import dataclass
from typing import Any

from leanstage.contracts import Decision, ModelPolicy, ModelVersion, VariantManifest
from leanstage.delivery.address import Address
from leanstage.errors import InputError

Object = dict[str, Any]

ENCODER, HUGGING_FACE = "leanstage-encoder", "kserve-huggingfaceserver"
"""The runtimes of the manifests and of KServe; the admission policy lists the same."""
FORMATS = {ENCODER: {"name": "leanstage", "version": "1"}, HUGGING_FACE: {"name": "huggingface"}}
DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
"""Others are quantized: their checkpoint says how to compute."""

PREFIX = "leanstage.io/"
OWN = ("version", "digest", "decision", "verdict", "run", "decided")
"""Annotations that promotion writes, each after the prefix."""
MANAGED = {"app.kubernetes.io/managed-by": "leanstage"}
"""Labels of a service that promotion made itself."""

DEFAULTED = ("name", "protocolVersion")
"""Of a model: what KServe's webhook fills in."""

_KEPT_ENV = re.compile(r"(OMP|MKL|LEANSTAGE_SERVE)_[A-Z_]+")
"""Variables that say how to compute and not what; the admission policy allows the same."""
_MEBIBYTE = 1 << 20
_FLOOR, _STEP = 768, 256
"""Mebibytes: what the interpreter and its libraries take, and the grain of a request."""


@dataclass(frozen=True)
class Wanted:
    """What is to serve.

    Attributes:
        version: of the registered model that holds the champion.
        decision: that promoted it, and the policy that it was signed with.
        manifest: of the promoted variant.
    """

    version: ModelVersion
    decision: Decision
    policy: ModelPolicy
    manifest: VariantManifest

    @property
    def address(self) -> Address:
        """Where a pod takes it from.

        Raises:
            InputError: the decision promotes nothing.
        """
        if self.decision.digest is None:
            raise InputError(f"nothing was promoted: {self.decision.sentence}")
        return Address(self.version.name, self.decision.digest)

    @property
    def runtime(self) -> str:
        """The ClusterServingRuntime that loads it."""
        plain = self.policy.serving in ("transformers", "vllm", "kserve-huggingface")
        if self.manifest.task == "text-generation" or plain:
            return HUGGING_FACE
        return ENCODER

    def annotations(self) -> dict[str, str]:
        """The decision, for whoever looks at the service."""
        values = {
            "version": f"{self.version.name}/{self.version.version}",
            "digest": self.address.digest,
            "decision": self.decision.sha256(),
            "verdict": self.decision.verdict,
            "run": self.decision.run_id,
            "decided": self.decision.decided,
        }
        return {PREFIX + name: values[name] for name in OWN}

    def model(self, before: Object) -> Object:
        """``spec.predictor.model``: everything that said how the former model is served goes.

        Args:
            before: what stands there now; of it, variables that say how to compute stay, and the
                resources where the policy names none.
        """
        arguments = (
            [f"--dtype={DTYPES.get(self.manifest.precision, 'auto')}"]
            if self.runtime == HUGGING_FACE
            else []
        )
        kept = [
            one
            for one in before.get("env") or []
            if _KEPT_ENV.fullmatch(one.get("name") or "") and "value" in one
        ]
        return {
            "modelFormat": FORMATS[self.runtime],
            "runtime": self.runtime,
            "storageUri": str(self.address),
            "resources": self._resources(before.get("resources") or {}),
            **({"args": arguments} if arguments else {}),
            **({"env": kept} if kept else {}),
        }

    def _resources(self, before: Object) -> Object:
        target = self.policy.target
        if target is not None and target.resources is not None:
            return target.resources.model_dump()
        memory = _quantity(memory_mebibytes(self.manifest.bytes))
        named = {kind: dict(before.get(kind) or {}) for kind in ("requests", "limits")}
        # Where one of the two names processors, a number for the other could contradict it.
        idle = {} if any("cpu" in each for each in named.values()) else {"cpu": "1"}
        found: Object = {}
        for kind, asked in named.items():
            kept = asked | idle | {"memory": memory}
            if self.runtime == ENCODER:
                # It computes on processors; what the former model had of a GPU would lie idle.
                kept = {name: value for name, value in kept.items() if "/" not in name}
            found[kind] = kept
        return found


def serves(now: Object, model: Object) -> bool:
    """Whether a model is described as wanted.

    KServe's webhook fills in names, protocols and resources, and writes quantities in its own way.
    """
    plain = {key: value for key, value in now.items() if key not in ("resources", *DEFAULTED)}
    resources = now.get("resources") or {}
    return plain == {key: value for key, value in model.items() if key != "resources"} and all(
        _same_quantity((resources.get(kind) or {}).get(name), value)
        for kind, asked in model["resources"].items()
        for name, value in asked.items()
    )


def _same_quantity(now: Any, wanted: str) -> bool:
    from kubernetes.utils.quantity import parse_quantity

    try:
        return bool(parse_quantity(now) == parse_quantity(wanted))
    except (ValueError, TypeError):
        return bool(now == wanted)


def _quantity(mebibytes: int) -> str:
    """As Kubernetes writes it."""
    return f"{mebibytes}Mi" if mebibytes % 1024 else f"{mebibytes // 1024}Gi"


def memory_mebibytes(size: int) -> int:
    """Memory to ask for, of a variant of so many bytes on disk.

    Its weights are read once and laid out once more for the processor while the file is still in
    memory; so twice the size, beside what any server takes and what a call needs to compute
    (:data:`leanstage.variant.lengths.MOST_CELLS`).
    """
    return _FLOOR + _STEP * math.ceil(2 * size / (_STEP * _MEBIBYTE))
