"""A Hugging Face folder becomes a variant: checked once, then trusted by its digest."""

import json
import shutil
from pathlib import Path
from typing import Any

from leanstage.contracts import Task
from leanstage.errors import InputError
from leanstage.variant.architectures import family_of
from leanstage.variant.checkpoint import (
    labels_of,
    load_checkpoint,
    parameter_count,
    precision_of,
    read_config,
    task_of,
)
from leanstage.variant.digest import MANIFEST
from leanstage.variant.folder import TOKENIZER_FILES, Variant, fresh_folder, open_variant, seal
from leanstage.variant.tokens import check_tokenizer
from leanstage.variant.weights import INDEX, WHOLE, copy_own, weight_files

LONGEST: dict[Task, int] = {"text-classification": 512, "text-generation": 2048}
"""Tokens at most: longer inputs are truncated, as the tokenizer of every known encoder does.

For generation prompt and completion together; memory goes with tokens times vocabulary.
"""
SINGLE_LABEL = "single_label_classification"
"""The only kind of classification: probabilities of all classes together are one."""
GENERATION_CONFIG = "generation_config.json"
"""What ends an answer may stand here alone, as for models that were taught to converse."""


def adopt(folder: str | Path, target: str | Path) -> Variant:
    """Copy a checkpoint into a variant, byte for byte, and check it.

    Only weights in safetensors, the config and the tokenizer travel; nothing else in the folder
    is read, and no code in it is run. The same folder always gives the same digest.

    Raises:
        InputError: the folder is not a checkpoint that can be optimized; the message says why.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the folder of a saved checkpoint.")
    if (folder / MANIFEST).is_file():
        manifest = open_variant(folder).manifest
        if manifest.runtime != "torch":
            raise InputError(
                f"{folder} is a variant for {manifest.runtime} already; give the checkpoint that "
                "it was made from."
            )
    config = read_config(folder)
    task = task_of(config, where=str(folder))
    _refuse_sigmoids(config, task, folder)
    model = load_checkpoint(folder)
    if config.get("quantization_config"):
        raise InputError(f"{folder} is quantized already; give the checkpoint before quantization.")
    with fresh_folder(target) as draft:
        bring_weights(folder, draft)
        if task == "text-generation" and (folder / GENERATION_CONFIG).is_file():
            copy_own(folder / GENERATION_CONFIG, draft / GENERATION_CONFIG)
        bring_tokenizer(folder, draft)
        check_tokenizer(
            draft,
            vocabulary=model.get_input_embeddings().num_embeddings,
            # What a causal model pads with is masked, and seldom says whose tokenizer it is.
            pad_id=config.get("pad_token_id") if task == "text-classification" else None,
        )
        seal(
            draft,
            architecture=str(config["model_type"]),
            labels=labels_of(model) if task == "text-classification" else (),
            runtime="torch",
            precision=precision_of(model),
            max_length=_max_length(draft, config, LONGEST[task]),
            parameters=parameter_count(model),
            lineage=(),
        )
    return open_variant(target)


def _refuse_sigmoids(config: dict[str, Any], task: Task, folder: Path) -> None:
    """What answers several classes at once, or a number, is measured by nothing here."""
    kind = config.get("problem_type")
    if task == "text-classification" and kind not in (None, SINGLE_LABEL):
        raise InputError(
            f"{folder}/config.json has {kind!r} for problem_type; leanstage takes classifiers that "
            f"answer one class a row: bring one of those, or set it to {SINGLE_LABEL!r} if this is "
            "one."
        )


def bring_weights(folder: Path, draft: Path) -> None:
    """Copy a checkpoint's config and its :func:`weight_files`, with the index that names them.

    They were read as what they are, and may be links to wherever large files are kept.
    """
    files = weight_files(folder)
    if files[0].name != WHOLE:
        files.append(folder / INDEX)
    for path in (folder / "config.json", *files):
        shutil.copyfile(path, draft / path.name)


def bring_tokenizer(folder: Path, draft: Path) -> None:
    """Copy a checkpoint's tokenizer, as ``tokenizer.json`` in any case.

    Raises:
        InputError: there is none, and none can be built from its other files.
    """
    for name in TOKENIZER_FILES:
        if (folder / name).is_file():
            copy_own(folder / name, draft / name)
    if (draft / "tokenizer.json").is_file():
        return
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, use_fast=True, trust_remote_code=False, local_files_only=True
        )
        tokenizer.backend_tokenizer.save(str(draft / "tokenizer.json"))
    except Exception as error:  # transformers raises many kinds for a missing vocabulary
        raise InputError(
            f"{folder} holds no tokenizer.json and none can be built from its other files; save "
            "the model together with its tokenizer."
        ) from error


def _max_length(draft: Path, config: dict[str, Any], longest: int) -> int:
    """The shortest of what the tokenizer says, what the model has positions for, and a limit."""
    limits = [longest]
    offset = family_of(str(config["model_type"]), where=str(draft)).positions_offset
    if isinstance(config.get("max_position_embeddings"), int):
        limits.append(config["max_position_embeddings"] - offset)
    path = draft / "tokenizer_config.json"
    if path.is_file():
        declared = json.loads(path.read_text(encoding="utf-8")).get("model_max_length")
        if isinstance(declared, int) and declared > 0:
            limits.append(declared)
    return min(limits)
