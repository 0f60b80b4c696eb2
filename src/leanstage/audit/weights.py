"""Size, precision and task of a version that no gate decided on, by its files."""

import json
from typing import Any

from leanstage.audit.papers import place_of, small_file
from leanstage.errors import LeanstageError
from leanstage.gate import attestation
from leanstage.registry.client import RegistryError, connect, refusals

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".onnx", ".data", ".pkl", ".h5", ".gguf")
_CONFIG = "config.json"
_FOLDERS = 32
"""Listed at most."""
_PRECISION = {"float32": ("fp32", 4), "float16": ("fp16", 2), "bfloat16": ("bf16", 2)}
_TASKS = {"ForSequenceClassification": "text-classification", "ForCausalLM": "text-generation"}


def weights_of(model: str, version: str) -> dict[str, Any]:
    """What the files of a version tell: fields of an entry.

    Parameters are counted by bytes, where config.json names the type of the weights and they are
    safetensors.

    Raises:
        LeanstageError: the files cannot be listed, or there are none.
    """
    with refusals():
        found = connect().get_model_version(model, version)
    place = place_of(str(found.source)).rstrip("/")
    files = _listed(place)
    weights = {path: size for path, size in files.items() if path.endswith(_WEIGHTS)}
    if not weights:
        raise RegistryError(f"no weights lie at the source of version {version} of {model}.")
    known: dict[str, Any] = {"bytes": sum(weights.values())}
    if any(path.endswith(".onnx") for path in weights):
        known["runtime"] = "onnxruntime"
    configs = sorted((path for path in files if path.rpartition("/")[2] == _CONFIG), key=len)
    if configs:
        known |= _told(small_file(f"{place}/{configs[0]}"), weights)
    return known


def _told(config: bytes, weights: dict[str, int]) -> dict[str, Any]:
    try:
        fields = json.loads(config)
    except ValueError:
        return {}
    if not isinstance(fields, dict):
        return {}
    known: dict[str, Any] = {}
    names = fields.get("architectures") or [""]
    for ending, task in _TASKS.items():
        if str(names[0]).endswith(ending):
            known["task"] = task
    tensors = sum(size for path, size in weights.items() if path.endswith(".safetensors"))
    written = _PRECISION.get(str(fields.get("dtype") or fields.get("torch_dtype")))
    if written and tensors and "quantization_config" not in fields:
        precision, width = written
        known |= {"runtime": "torch", "precision": precision, "parameters": tensors // width}
    return known


def _listed(place: str) -> dict[str, int]:
    """Size in bytes of every file below a place, by its path there."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    found: dict[str, int] = {}
    try:
        repository = get_artifact_repository(place)
        left: list[str | None] = [None]
        for _ in range(_FOLDERS):
            if not left:
                break
            for each in repository.list_artifacts(left.pop()):
                if each.is_dir:
                    left.append(each.path)
                else:
                    found[each.path] = int(each.file_size or 0)
    except LeanstageError:
        raise
    except Exception as error:  # each artifact store raises errors of its own
        raise RegistryError(
            f"its files cannot be listed ({attestation.first_line(error)})."
        ) from error
    return found
