"""Where a training keeps its checkpoints, so that one that was killed goes on instead of anew."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanstage.contracts.base import Part, canonical_json

if TYPE_CHECKING:
    from leanstage.techniques.taught import Taught

CHECKPOINTS_VARIABLE = "LEANSTAGE_CHECKPOINTS"
_STATE = "trainer_state.json"


def keeps_checkpoints() -> bool:
    """Whether checkpoints outlive this process."""
    return bool(os.environ.get(CHECKPOINTS_VARIABLE))


@contextmanager
def training_folder(
    student: Any, rows: "Taught", recipe: Part, *, count: int = 1
) -> Iterator[Path]:
    """The folder of one training, emptied once it has ended well.

    Below ``LEANSTAGE_CHECKPOINTS`` it is named after all that decides the result: the weights to
    start from, the rows and their teacher, the recipe and the number of processes. A checkpoint of
    anything else is never gone on from.
    """
    if not keeps_checkpoints():
        with tempfile.TemporaryDirectory(prefix="leanstage-train-") as scratch:
            yield Path(scratch)
        return
    name = f"train-{_key(student, rows, recipe, count)[:32]}"
    folder = Path(os.environ[CHECKPOINTS_VARIABLE]) / name
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(folder)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; Trainer writes its state last."""
    found = [path for path in folder.glob("checkpoint-*") if _complete(path)]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _complete(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _key(student: Any, rows: "Taught", recipe: Part, count: int) -> str:
    """SHA-256 (hex) over recipe, processes, configuration, weights, rows and teacher.

    Of the teacher's answers only whose they are: asked again on another node for the retry, they
    differ in the last bits.
    """
    digest = hashlib.sha256(canonical_json([recipe.model_dump(mode="json"), count]))
    config = student.config.to_dict()
    # Where it was loaded from says nothing of it, and is another folder in another run.
    config.pop("_name_or_path", None)
    digest.update(json.dumps(config, sort_keys=True, default=str).encode())
    for name, tensor in sorted(student.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    digest.update(canonical_json([rows.identity(), rows.teacher_digest]))
    return digest.hexdigest()
