"""The files of a checkpoint to distill into: copied once, then trusted by their digest."""

from pathlib import Path

from leanstage.contracts import PretrainedStudent, sha256_json
from leanstage.errors import InputError
from leanstage.variant.adopt import bring_tokenizer, bring_weights
from leanstage.variant.checkpoint import read_config
from leanstage.variant.digest import file_entries
from leanstage.variant.folder import fresh_folder

STUDENT = "student.json"
NO_STUDENT = "NO-STUDENT"
"""Stands in the folder where a run brings none: an artifact must not be empty."""


def adopt_student(folder: Path, target: Path, *, source: str) -> PretrainedStudent:
    """Copy a checkpoint's config, weights in safetensors and tokenizer; it needs no head.

    Nothing else in the folder is read, and no code in it is run.

    Raises:
        InputError: a config that asks for code to be run, weights that are no safetensors or are
            quantized, or no tokenizer.
    """
    config = read_config(folder)
    if config.get("quantization_config"):
        raise InputError(f"{folder} is quantized already; give the checkpoint before quantization.")
    with fresh_folder(target) as draft:
        bring_weights(folder, draft)
        bring_tokenizer(folder, draft)
        student = PretrainedStudent(
            source=source, architecture=str(config.get("model_type")), digest=_digest(draft)
        )
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
