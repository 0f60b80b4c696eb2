"""The facts of the tree: about a model on disk, its load, its data and what serves it."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leanstage.contracts import DecisionTree, HardwareProfile, Serving, Words
from leanstage.errors import InputError
from leanstage.plan.measured import measured_facts
from leanstage.plan.predicates import check_facts
from leanstage.variant.architectures import family_of
from leanstage.variant.checkpoint import read_config, task_of
from leanstage.variant.weights import weight_files

SECONDS_A_YEAR = 365.25 * 24 * 3600
_LONGEST_HEADER = 100_000_000
"""Bytes, as the format has it."""
_COMPUTE = ("nvidia.com/gpu.compute.major", "nvidia.com/gpu.compute.minor")
"""Labels of GPU feature discovery."""


@dataclass(frozen=True)
class Load:
    """What a model is asked in production, and what loads it there.

    Attributes:
        batch_size: rows of a request.
        request_rate: answers per second on average; None where nobody says.
    """

    batch_size: int = 8
    request_rate: float | None = None
    serving: Serving = "any"


def model_facts(folder: Path) -> dict[str, Any]:
    """What ``config.json`` and the headers of the weights say about a checkpoint.

    Raises:
        InputError: it is no checkpoint of a family that is known, made for the family's task.
    """
    config = read_config(folder)
    architecture = str(config.get("model_type"))
    family = family_of(architecture, where=str(folder))
    task = task_of(config, where=str(folder))
    # A config that names no labels means two, as transformers reads it.
    labels = config.get("id2label") or dict.fromkeys(range(2))
    if not isinstance(labels, dict):
        raise InputError(f"{folder}/config.json has {labels!r} for id2label; save the model again.")
    sizes = {
        "layers": family.depth_key,
        "hidden_size": family.hidden_key,
        "heads": family.heads_key,
        "intermediate_size": family.width_key,
    }
    missing = sorted(key for key in sizes.values() if not isinstance(config.get(key), int))
    if missing:
        raise InputError(f"{folder}/config.json does not say {missing[0]}; save the model again.")
    found = {name: config[key] for name, key in sizes.items()}
    shared = config.get(family.kv_heads_key) if family.kv_heads_key else None
    return {
        "task": task,
        "architecture": architecture,
        "parameters": parameter_count(folder),
        "labels": len(labels) if task == "text-classification" else 0,
        **found,
        "key_value_heads": found["heads"] if shared is None else shared,
    }


def parameter_count(folder: Path) -> int:
    """Number of weights, from the headers of the safetensors files alone.

    Raises:
        InputError: there are none, or a file is broken.
    """
    return sum(_weights_in(path) for path in weight_files(folder))


def all_facts(
    tree: DecisionTree,
    folder: Path,
    *,
    train_rows: int,
    unlabelled_rows: int,
    tolerance: float,
    load: Load,
    hardware: HardwareProfile,
) -> dict[str, Any]:
    """Every fact, those of calibration as of a machine that is not calibrated.

    Raises:
        InputError: see :func:`model_facts`; or a fact is outside of its domain.
    """
    rows = train_rows + unlabelled_rows
    features = tree.facts["features"]
    known = features.values if isinstance(features, Words) else ()
    facts = model_facts(folder) | {
        "train_rows": train_rows,
        "unlabelled_rows": unlabelled_rows,
        "learning_rows": rows,
        "tolerance": tolerance,
        "serving": load.serving,
        "batch_size": load.batch_size,
        "request_rate": load.request_rate,
        "answers_per_row": None,
        "threads": hardware.threads,
        "features": tuple(name for name in hardware.features if name in known),
        "accelerators": len(hardware.accelerators),
        "gpu_compute": gpu_compute(hardware),
        **measured_facts({}),
    }
    check_facts(facts, tree.facts)
    if load.request_rate is not None and rows:
        facts["answers_per_row"] = load.request_rate * SECONDS_A_YEAR / rows
    return facts


def gpu_compute(hardware: HardwareProfile) -> float | None:
    """Compute capability of the GPUs as the node's labels say it; None where they do not."""
    major, minor = (hardware.labels.get(label, "") for label in _COMPUTE)
    return int(major) + int(minor) / 10 if major.isdigit() and minor.isdigit() else None


def _weights_in(path: Path) -> int:
    """Read here, since the library for it imports numpy or torch first.

    The header is JSON, by tensor its type and shape, behind its length in eight bytes,
    little-endian (https://github.com/huggingface/safetensors, format).
    """
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 0 < length <= _LONGEST_HEADER:
                raise ValueError(f"its header would be {length:,} bytes long")
            header = json.loads(stream.read(length))
        # Older checkpoints keep position ids, which are integers, beside the weights.
        return sum(
            math.prod(tensor["shape"])
            for name, tensor in header.items()
            if name != "__metadata__" and "F" in tensor["dtype"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as safetensors: {error}.") from error
