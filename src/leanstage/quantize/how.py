"""What a backend is told beyond the model: where ranges come from, what stays in float."""

import io
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leanstage.variant.tokens import TextEncoder, pad_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leanstage.variant import Variant

METHODS = ("min-max", "entropy", "percentile")
"""How a range is taken from what was seen: the whole of it, what loses the least information
(Kullback-Leibler, Migacz 2017), or all but the outermost 0.001%."""
_ROWS_A_CALL = 8
_LAYER = re.compile(r"(?:^|[./])(?:layers?|h|blocks?)\.(\d+)[./]([^./]+)")


@dataclass(frozen=True)
class How:
    """The choices within one backend.

    Attributes:
        texts: of training, from which static quantization takes the ranges of activations.
        method: one of :data:`METHODS`.
        in_float: groups of layers, by :func:`group_of`, that stay as they are.
        cache: folder for ranges, so that they are taken once a method; None keeps nothing.
    """

    texts: tuple[str, ...] = ()
    method: str = METHODS[0]
    in_float: tuple[str, ...] = ()
    cache: Path | None = None


def group_of(name: str) -> str:
    """The group of layers that a module or a node of a graph belongs to, by its name.

    ``bert.encoder.layer.2.attention.self.query`` is of ``layer 2 attention``. What is in no layer
    is of the ``embeddings`` or of the ``head``.
    """
    found = _LAYER.search(name)
    if found is None:
        return "embeddings" if "embed" in name else "head"
    part = "attention" if "att" in found[2] else "feed-forward"
    return f"layer {found[1]} {part}"


def grouped(names: Iterable[str]) -> dict[str, list[str]]:
    """Names by :func:`group_of`, in the order in which they came."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(group_of(name), []).append(name)
    return groups


def batches(source: "Variant", texts: Iterable[str]) -> "list[dict[str, NDArray[np.int64]]]":
    """Texts as inputs of a graph, rows of like length together so that little is padded."""
    encoder = TextEncoder(source.path, source.manifest.max_length)
    rows = sorted(encoder.ids(list(texts)), key=len)
    parts = [rows[start : start + _ROWS_A_CALL] for start in range(0, len(rows), _ROWS_A_CALL)]
    padded = [pad_rows(part, encoder.pad_id) for part in parts]
    return [{"input_ids": ids, "attention_mask": mask} for ids, mask in padded]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what a toolkit prints and warns of off the log: the step says what came of it."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
