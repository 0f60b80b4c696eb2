"""Arrays by name in a folder, a file each, read without loading them into memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leanstage.errors import InputError
from leanstage.variant import fresh_folder


def write_arrays(folder: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write each array to ``NAME.npy``, all of them or none."""
    with fresh_folder(folder) as draft:
        for name, array in arrays.items():
            np.save(draft / f"{name}.npy", array, allow_pickle=False)


def read_arrays(folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a folder, mapped into memory; what is changed in them stays in this process.

    Raises:
        InputError: no folder of arrays, or one that is damaged.
    """
    try:
        found = {
            path.stem: np.load(path, mmap_mode="c", allow_pickle=False)
            for path in sorted(folder.glob("*.npy"))
        }
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} does not hold arrays that can be read: {error}.") from error
    if not found:
        raise InputError(f"{folder} holds no arrays.")
    return found
