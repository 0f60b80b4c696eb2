"""Which files of a folder are a checkpoint's weights, and how they are taken from it."""

import json
import shutil
from pathlib import Path

from leanstage.errors import InputError

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


def weight_files(folder: Path) -> list[Path]:
    """The files in safetensors that transformers loads: one whole, or those that its index names.

    Others that lie beside them, such as the same weights in another precision, are none of it.

    Raises:
        InputError: there are none, or the index is broken or names what is not there.
    """
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    index = folder / INDEX
    if not index.is_file():
        raise InputError(
            f"{folder} holds no {WHOLE}; pickled weights are never loaded: save the model again "
            "with save_pretrained."
        )
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{index} cannot be read as an index of weights: {error}.") from error
    # Of its own folder and in safetensors: an index may name any path.
    strange = [name for name in names if Path(str(name)).name != name]
    strange += [name for name in names if not str(name).endswith(".safetensors")]
    missing = [name for name in names if not strange and not (folder / name).is_file()]
    if strange or missing or not names:
        what = f"names {(strange or missing)[0]!r}" if names else "names no file"
        raise InputError(
            f"{index} {what}, which is no .safetensors file of the folder; save the model again "
            "with save_pretrained."
        )
    return [folder / name for name in sorted(names)]


def copy_own(path: Path, target: Path) -> None:
    """Copy a file of a folder that somebody brought.

    Raises:
        InputError: it is a link out of the folder, other than the hub's cache makes into its blobs.
    """
    home, real = path.parent.resolve(), path.resolve()
    # Of snapshots/REVISION/…, what is meant lies in blobs/ beside it.
    cached = [above.parent / "blobs" for above in home.parents if above.name == "snapshots"]
    if real.parent not in (home, *cached):
        raise InputError(
            f"{path} is a link to a file elsewhere, which is not taken; put the file itself into "
            "the folder."
        )
    shutil.copyfile(real, target)
