"""A pretrained checkpoint to distill into: its files checked once, then trusted by their digest."""

import shutil
from pathlib import Path

from leanstage.contracts import PretrainedStudent, Task, sha256_json
from leanstage.errors import InputError
from leanstage.variant.adopt import bring_tokenizer
from leanstage.variant.architectures import family_of
from leanstage.variant.checkpoint import read_config
from leanstage.variant.digest import file_entries
from leanstage.variant.folder import fresh_folder
from leanstage.variant.tokens import check_tokenizer

STUDENT = "student.json"
NO_STUDENT = "NO-STUDENT"
"""Stands in the folder where a run brings none: an artifact must not be empty."""


def adopt_student(folder: Path, target: Path, *, task: Task, source: str) -> PretrainedStudent:
    """Copy a checkpoint's config, weights in safetensors and tokenizer, and check what they say.

    Nothing else in the folder is read, and no code in it is run. It needs no head for the task: it
    gets one when it is trained.

    Raises:
        InputError: a family that cannot be optimized or is not of the task, weights that are no
            safetensors, or a tokenizer that is missing or not the checkpoint's own.
    """
    config = read_config(folder)
    architecture = str(config.get("model_type"))
    family = family_of(architecture, where=str(folder))
    if family.task != task:
        raise InputError(
            f"the student in {folder} is of the architecture {architecture!r}, which is for "
            f"{family.task}, and the model is for {task}; bring one for the same task."
        )
    if config.get("quantization_config"):
        raise InputError(f"{folder} is quantized already; give the checkpoint before quantization.")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise InputError(
            f"{folder} holds no .safetensors weights; pickled weights are never loaded: save the "
            "student again with save_pretrained."
        )
    for path in weights:
        _require_header(path)
    with fresh_folder(target) as draft:
        index = folder / "model.safetensors.index.json"
        for path in (folder / "config.json", *weights, *([index] if index.is_file() else [])):
            shutil.copyfile(path, draft / path.name)
        bring_tokenizer(folder, draft)
        check_tokenizer(
            draft, vocabulary=_vocabulary(config, folder), pad_id=config.get("pad_token_id")
        )
        student = PretrainedStudent(source=source, architecture=architecture, digest=_digest(draft))
        student.save(draft / STUDENT)
    return student


def no_student(target: Path) -> None:
    """Write what stands in the place of a student where a run brings none."""
    with fresh_folder(target) as draft:
        (draft / NO_STUDENT).touch()


def open_student(folder: Path) -> PretrainedStudent | None:
    """What is known about the student in ``folder``; None where there is none.

    Raises:
        InputError: bytes that differ from what :func:`adopt_student` wrote.
    """
    if (folder / NO_STUDENT).is_file():
        return None
    student = PretrainedStudent.load(folder / STUDENT)
    if _digest(folder) != student.digest:
        raise InputError(f"{folder} was changed after it was written; run resolve again.")
    return student


def _digest(folder: Path) -> str:
    return sha256_json(
        [
            [entry.path, entry.size, entry.sha256]
            for entry in file_entries(folder)
            if entry.path != STUDENT
        ]
    )


def _require_header(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as tensors:
            tensors.keys()
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} does not hold weights in safetensors: {error}.") from error


def _vocabulary(config: dict[str, object], folder: Path) -> int:
    size = config.get("vocab_size")
    if not isinstance(size, int):
        raise InputError(f"{folder / 'config.json'} names no vocab_size; save the student again.")
    return size
