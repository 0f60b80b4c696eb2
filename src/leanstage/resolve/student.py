"""The checkpoint that a run brings to distill into: fetched, tried and pinned."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from leanstage import progress
from leanstage.contracts import PretrainedStudent
from leanstage.distill.pretrained import bring_student
from leanstage.registry.sources import fetch_model
from leanstage.variant import Variant
from leanstage.variant.student import adopt_student, no_student


def pin_student(
    uri: str, target: Path, *, teacher: Variant, texts: Sequence[str]
) -> PretrainedStudent | None:
    """Bring the student to ``target`` and hash it; a marker stands there where ``uri`` is empty.

    It is made a student of ``teacher`` once here, as it will be in the task that trains it.

    Raises:
        InputError: it cannot be fetched, or is no student of this teacher for these texts.
    """
    if not uri:
        no_student(target)
        return None
    progress.step("fetching the student")
    with tempfile.TemporaryDirectory(prefix="leanstage-student-") as scratch:
        folder, source = fetch_model(uri, Path(scratch) / "fetched")
        student = adopt_student(folder, target, source=source.pinned)
        progress.step("checking the student")
        bring_student(folder, teacher, Path(scratch) / "student", texts=texts, seed=0)
    return student
