"""The answers of all compared models, row by row: what every figure of an evaluation rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanstage.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREDICTIONS_FILE = "predictions.parquet"
EVALUATION_FILE = "evaluation.json"
"""The figures that follow from the answers; both stand in one folder."""
LABEL = "label"
_MODELS = ("baseline", "candidate", "champion")
_SLICE = "slice:"


@dataclass(frozen=True, eq=False)
class Slicing:
    """One column that divides the rows: ``codes`` (rows,) index into ``values``."""

    values: tuple[str, ...]
    codes: "NDArray[np.int32]"


@dataclass(frozen=True, eq=False)
class Predictions:
    """Class indices, each of shape (rows,): the true ones, and what every model answers.

    Attributes:
        champion: answers of the current champion; None where there is none.
        slices: further columns of the rows by name. The true class divides the rows as well, but
            is not repeated here.
    """

    labels: "NDArray[np.int32]"
    baseline: "NDArray[np.int32]"
    candidate: "NDArray[np.int32]"
    champion: "NDArray[np.int32] | None" = None
    slices: Mapping[str, Slicing] = field(default_factory=dict)

    def save(self, path: Path) -> Path:
        """Write one parquet column for each array; the same answers give the same bytes."""
        import pyarrow as pa
        from pyarrow import parquet

        columns: dict[str, Any] = {LABEL: pa.array(self.labels)}
        for name in _MODELS:
            answers = getattr(self, name)
            if answers is not None:
                columns[name] = pa.array(answers)
        for name, slicing in sorted(self.slices.items()):
            columns[f"{_SLICE}{name}"] = pa.DictionaryArray.from_arrays(
                pa.array(slicing.codes), pa.array(slicing.values, pa.string())
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.table(columns), path)
        return path

    @classmethod
    def load(cls, path: Path) -> "Predictions":
        """Read what :meth:`save` wrote.

        Raises:
            InputError: the file is missing, or does not hold such columns.
        """
        from pyarrow import ArrowException, parquet

        try:
            table = parquet.ParquetFile(path).read()
            arrays = {name: _integers(table[name]) for name in _found(table.column_names)}
            slices = {
                name.removeprefix(_SLICE): _slicing(table[name])
                for name in table.column_names
                if name.startswith(_SLICE)
            }
            return cls(
                arrays[LABEL],
                arrays["baseline"],
                arrays["candidate"],
                arrays.get("champion"),
                slices,
            )
        except (OSError, ArrowException, KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"{path} does not hold the answers of an evaluation: {error}"
            ) from error


def _found(names: list[str]) -> list[str]:
    return [name for name in (LABEL, *_MODELS) if name in names]


def _integers(column: Any) -> "NDArray[np.int32]":
    import numpy as np
    import pyarrow as pa

    if column.null_count:
        raise ValueError("an answer is missing")
    # The cast refuses what is no integer of this size; numpy would cut it to fit.
    return np.asarray(column.cast(pa.int32()).to_numpy())


def _slicing(column: Any) -> Slicing:
    import numpy as np
    import pyarrow as pa

    if column.null_count:
        raise ValueError("a row belongs to no slice")
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    codes = np.asarray(encoded.indices.to_numpy(), dtype=np.int32)
    return Slicing(tuple(encoded.dictionary.to_pylist()), codes)
