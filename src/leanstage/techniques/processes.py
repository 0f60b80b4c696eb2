"""One training on several processes of one pod, a GPU each: Trainer on accelerate, by torchrun."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanstage.errors import InputError, LeanstageError
from leanstage.techniques.arrays import write_arrays
from leanstage.techniques.precision import BF16_VARIABLE, bf16_is_faster
from leanstage.variant.hardware import device_type

if TYPE_CHECKING:
    from leanstage.techniques.recipe import Recipe
    from leanstage.techniques.taught import Taught

PROCESSES_VARIABLE = "LEANSTAGE_PROCESSES"

Curve = tuple[tuple[int, float], ...]
"""Steps of a training, each with the mean loss since the one before."""


def processes(parts: int) -> int:
    """How many processes train together: one a GPU that is visible here, unless told otherwise.

    Of three GPUs two are used where the batch has no three equal shares.

    Args:
        parts: rows of a batch that the processes can share out.

    Raises:
        InputError: ``LEANSTAGE_PROCESSES`` is no whole number of at least 1, or more than the
            GPUs here: no two processes can share one.
    """
    import torch

    gpus = torch.cuda.device_count()
    told = os.environ.get(PROCESSES_VARIABLE)
    if told:
        if not told.isdecimal() or int(told) < 1:
            raise InputError(f"{PROCESSES_VARIABLE} is {told!r}; set it to 1 or more processes.")
        if 0 < gpus < int(told):
            raise InputError(
                f"{PROCESSES_VARIABLE} is {told}, and each process needs a GPU of its own, of "
                f"which this machine has {gpus}; set it to {gpus} or less, or leave it out."
            )
        return int(told)
    return max(count for count in range(1, max(1, gpus) + 1) if parts % count == 0)


def train_in_processes(
    student: Any, rows: "Taught", recipe: "Recipe", folder: Path, count: int
) -> Curve:
    """Train ``student`` in place on ``count`` processes of :mod:`leanstage.techniques.worker`.

    Raises:
        LeanstageError: a process failed; its own output says why.
    """
    from leanstage.variant.architectures import family_of
    from leanstage.variant.checkpoint import from_folder

    with tempfile.TemporaryDirectory(prefix="leanstage-processes-") as scratch:
        exchange = Path(scratch)
        student.save_pretrained(exchange / "student")
        write_arrays(exchange / "rows", rows.arrays())
        (exchange / "recipe.json").write_text(recipe.model_dump_json(), encoding="utf-8")
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        launch += ["--nproc-per-node", str(count)]
        launch += ["-m", "leanstage.techniques.worker", str(exchange), str(folder)]
        # Timed at once by several processes, it might differ between them.
        told = {BF16_VARIABLE: str(int(bf16_is_faster(device_type())))}
        ended = subprocess.run(launch, env=os.environ | told, stdin=subprocess.DEVNULL, check=False)
        if ended.returncode != 0:
            raise LeanstageError(
                f"training on {count} processes failed with exit code {ended.returncode}; the log "
                "above says why."
            )
        # As it is: what has become NaN is said of the student as of one that one process trained.
        task = family_of(student.config.model_type, where="the student").task
        trained, _ = from_folder(exchange / "trained", task, "the trained student")
        student.load_state_dict(trained.state_dict())
        points = json.loads((exchange / "curve.json").read_text(encoding="utf-8"))
    return tuple((step, loss) for step, loss in points)
