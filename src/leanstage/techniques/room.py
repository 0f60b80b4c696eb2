"""Room on disk for what the teacher says, looked for before it is taken."""

import shutil
import tempfile

import numpy as np
from numpy.typing import NDArray

from leanstage.errors import InputError


def room(shape: tuple[int, ...], what: str, remedy: str) -> NDArray[np.float16]:
    """An empty array in a file that vanishes with the process.

    Writing to a mapping of a disk that is full ends a process without a word, so that half of what
    is free has to do.

    Args:
        what: it is for, with its number, for the message; ``remedy`` is what makes it smaller.

    Raises:
        InputError: it takes more.
    """
    folder = tempfile.gettempdir()
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(np.float16).itemsize
    free = shutil.disk_usage(folder).free
    if size > free / 2:
        raise InputError(
            f"{what} takes {size / 1024**3:.1f} GiB, and {folder} has {free / 1024**3:.1f} free, "
            f"half of which may be used; {remedy}, or set TMPDIR to a larger disk."
        )
    # A mapping outlives the name of its file.
    with tempfile.TemporaryFile(prefix="leanstage-taught-") as file:
        return np.memmap(file, np.float16, "w+", shape=shape)
