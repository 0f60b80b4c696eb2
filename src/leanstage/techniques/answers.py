"""What the teacher said, on disk: computed by the first technique, read by those after it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leanstage.errors import InputError
from leanstage.tasks import SplitFolder
from leanstage.techniques.data import teach
from leanstage.techniques.search import validation_answers
from leanstage.techniques.taught import Taught, taught_of
from leanstage.variant import Variant


@dataclass(frozen=True)
class Answers:
    """The teacher's answers to the rows of a run.

    ``taught`` covers the training and then the unlabelled rows, None where no technique learns;
    ``validation`` has shape (validation rows, classes), and took the teacher
    ``cpu_ms_per_answer``; None where the answers were read from disk.
    """

    teacher_digest: str
    taught: Taught | None
    validation: NDArray[np.float32]
    cpu_ms_per_answer: float | None = None

    def save(self, path: Path) -> None:
        """Write the answers as plain arrays."""
        arrays: dict[str, NDArray[np.generic]] = {
            "teacher_digest": np.array(self.teacher_digest),
            "validation": self.validation,
        }
        if self.taught is not None:
            arrays |= self.taught.arrays()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)


def load_answers(path: Path, teacher: Variant) -> Answers:
    """Read answers and make sure that they are this teacher's.

    Raises:
        InputError: unreadable, or given by another model.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} does not hold a teacher's answers: {error}.") from error
    digest = str(found["teacher_digest"])
    if digest != teacher.digest:
        raise InputError(
            f"{path} holds the answers of another model ({digest[:12]}) than the teacher "
            f"({teacher.digest[:12]}); let this teacher answer."
        )
    taught = taught_of(found) if "ids" in found else None
    return Answers(digest, taught, found["validation"])


def ask(
    teacher: Variant,
    *,
    validation: SplitFolder,
    train: SplitFolder | None = None,
    unlabelled: SplitFolder | None = None,
) -> Answers:
    """Let the teacher answer the validation rows and, where given, the rows to learn from."""
    texts = [text for split in (train, unlabelled) if split is not None for text in split.texts]
    taught = teach(teacher, texts) if texts else None
    return Answers(teacher.digest, taught, *validation_answers(teacher, validation))
