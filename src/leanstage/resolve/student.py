"""The checkpoint that a run brings to distill into, fetched and pinned."""

import tempfile
from pathlib import Path

from leanstage import progress
from leanstage.contracts import PretrainedStudent, Task
from leanstage.registry.sources import fetch_model
from leanstage.variant.student import adopt_student, no_student


def pin_student(uri: str, target: Path, *, task: Task) -> PretrainedStudent | None:
    """Bring the student to ``target`` and hash it; a marker stands there where ``uri`` is empty.

    Raises:
        InputError: it cannot be fetched, or is nothing to distill a model for ``task`` into.
    """
    if not uri:
        no_student(target)
        return None
    progress.step("fetching the student")
    with tempfile.TemporaryDirectory(prefix="leanstage-student-") as scratch:
        folder, source = fetch_model(uri, Path(scratch))
        return adopt_student(folder, target, task=task, source=source.pinned)
