"""Loading a Hugging Face folder of a task, and refusing what cannot be trusted."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanstage.contracts import Precision, Task
from leanstage.errors import InputError
from leanstage.variant.architectures import family_of, layers_of
from leanstage.variant.threads import limit_torch
from leanstage.variant.weights import weight_files

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_PRECISIONS: dict[str, Precision] = {
    "torch.float32": "fp32",
    "torch.float16": "fp16",
    "torch.bfloat16": "bf16",
}
_CLASSES: dict[Task, str] = {
    "text-classification": "ForSequenceClassification",
    "text-generation": "ForCausalLM",
}
"""How transformers ends the names of the classes for a task."""
_TALKATIVE = ("bitsandbytes", "torchao", "torch.utils._pytree")
"""Loggers of libraries that say at every layer of every answer that they cast, or when they are
imported that they do without what other hardware has."""


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a folder.

    Raises:
        InputError: missing, unreadable, or it asks for code from the folder to be run.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{folder} holds no config.json; give the folder of a Hugging Face checkpoint."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}.") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} is not a JSON object.")
    if config.get("auto_map"):
        raise InputError(
            f"{path} asks for code from the model's folder to be run (auto_map); leanstage never "
            "does that: bring a checkpoint of a built-in architecture."
        )
    return config


def task_of(config: dict[str, Any], *, where: str) -> Task:
    """The task of a checkpoint: that of its family, for which its class has to be made.

    Args:
        config: of :func:`read_config`.

    Raises:
        InputError: an unknown family, or a checkpoint that was made for something else.
    """
    task = family_of(str(config.get("model_type")), where=where).task
    named = config.get("architectures") or []
    if not isinstance(named, list):
        raise InputError(
            f"{where}/config.json has {named!r} for architectures; save the model again."
        )
    if named and not any(str(name).endswith(_CLASSES[task]) for name in named):
        raise InputError(
            f"{where} is a {named[0]}; of this family leanstage optimizes {task}: fine-tune the "
            f"model for the task and save it whole, as a class that ends in {_CLASSES[task]}."
        )
    return task


def load_checkpoint(folder: str | Path, *, attention: str | None = None) -> "PreTrainedModel":
    """Load a checkpoint for inference in the precision it was saved in.

    Raises:
        InputError: no safetensors, an unknown architecture, weights that are missing, of another
            shape, or not finite.
    """
    folder = Path(folder)
    task = task_of(read_config(folder), where=str(folder))
    weight_files(folder)
    options = {"attn_implementation": attention} if attention else {}
    model, report = from_folder(folder, task, "a checkpoint", **options)
    _refuse_new_weights(folder, report)
    _refuse_nonfinite(folder, model)
    model.eval()
    return model


def from_folder(
    folder: Path, task: Task, what: str, **options: Any
) -> "tuple[PreTrainedModel, dict[str, Any]]":
    """What transformers makes of a folder's config and safetensors, and its report on them.

    Args:
        what: the folder should hold, for the message.
        options: further ones of ``from_pretrained``.

    Raises:
        InputError: it makes nothing of them, or a model without layers.
    """
    # Through this package bitsandbytes and transformers fetch kernels from the hub, and run them.
    sys.modules["kernels"] = None  # type: ignore[assignment]
    import transformers

    limit_torch()
    try:
        with quiet_transformers():
            auto = getattr(transformers, f"AutoModel{_CLASSES[task]}")
            model, report = auto.from_pretrained(
                folder,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
                **options,
            )
    except ImportError:  # of this installation, not of the folder
        raise
    except Exception as error:  # a config can name what fails in any way
        reason = " ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
        raise InputError(
            f"{folder} does not load as {what}: its config.json or its weights are not sound "
            f"({reason})."
        ) from error
    if not len(layers_of(model)):
        raise InputError(f"{folder} does not load as {what}: its config.json leaves no layer.")
    return model, report


def precision_of(model: "PreTrainedModel") -> Precision:
    """The precision of the weights as a word of the contracts."""
    try:
        return _PRECISIONS[str(model.dtype)]
    except KeyError:
        raise InputError(
            f"weights of type {model.dtype} are not supported; save them as fp32."
        ) from None


def labels_of(model: "PreTrainedModel") -> tuple[str, ...]:
    """Class names in the order of the logits.

    Raises:
        InputError: a logit has no name, or not one of its own.
    """
    names, count = model.config.id2label, model.config.num_labels
    labels = tuple(str(names[index]) for index in range(count) if index in names)
    if len(names) != count or len(set(labels)) != count:
        raise InputError(
            f"the model's id2label is {names!r}; it has to name the classes 0 to {count - 1}, each "
            "by a name of its own: correct it in config.json."
        )
    return labels


def parameter_count(model: "PreTrainedModel") -> int:
    """Number of weights, each shared tensor counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def _refuse_new_weights(folder: Path, report: dict[str, Any]) -> None:
    missing = sorted(report.get("missing_keys") or ())
    if missing:
        raise InputError(
            f"{folder} lacks {len(missing)} weights of its own architecture (first: "
            f"{missing[0]}), which would be initialised at random; fine-tune the model for the "
            "task and save it whole."
        )
    mismatched = sorted(str(key) for key in report.get("mismatched_keys") or ())
    if mismatched:
        raise InputError(
            f"{folder} holds weights of another shape than its config.json says: {mismatched[0]}."
        )


def _refuse_nonfinite(folder: Path, model: "PreTrainedModel") -> None:
    import torch

    for name, tensor in model.state_dict().items():
        values = tensor if type(tensor) is torch.Tensor else tensor.dequantize()
        if values.is_floating_point() and not bool(torch.isfinite(values).all()):
            raise InputError(
                f"{folder} holds NaN or infinite values in {name}; restore the model from an "
                "earlier checkpoint."
            )


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep the load report off the terminal: what it says reaches the user as one sentence.

    What transformers imports meanwhile stays quiet as well.
    """
    from transformers.utils import logging as transformers_logging

    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
