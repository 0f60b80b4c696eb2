"""The answers of all compared models, row by row: what every figure of an evaluation rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanstage.errors import InputError
from leanstage.tasks.written import Written, coded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREDICTIONS_FILE = "predictions.parquet"
EVALUATION_FILE = "evaluation.json"
"""The figures that follow from the answers; both stand in one folder."""
LABEL = "label"
_MODELS = ("baseline", "candidate", "champion")
_SLICE = "slice:"
_TOKENS = "tokens"
_LOGPROB = "logprob:"


@dataclass(frozen=True, eq=False)
class Slicing:
    """One column that divides the rows: ``codes`` (rows,) index into ``values``."""

    values: tuple[str, ...]
    codes: "NDArray[np.int32]"


@dataclass(frozen=True, eq=False)
class Predictions:
    """Class indices, each of shape (rows,): the true ones, and what every model answers.

    Of models that generate they are indices of texts, the true ones those of the reference.

    Attributes:
        champion: answers of the current champion; None where there is none.
        slices: further columns of the rows by name. The true class divides the rows as well, but
            is not repeated here.
        written: the texts, and how likely the reference is; None where the answers are classes.
    """

    labels: "NDArray[np.int32]"
    baseline: "NDArray[np.int32]"
    candidate: "NDArray[np.int32]"
    champion: "NDArray[np.int32] | None" = None
    slices: Mapping[str, Slicing] = field(default_factory=dict)
    written: Written | None = None

    def given(self, name: str) -> Any:
        """A column by name as the answers themselves, to be held against other predictions'.

        None where there is none.
        """
        import numpy as np

        column: NDArray[np.int32] | None = self.labels if name == LABEL else getattr(self, name)
        if self.written is None or column is None:
            return column
        return np.array(self.written.texts, dtype=object)[column]

    def save(self, path: Path) -> Path:
        """Write one parquet column for each array; the same answers give the same bytes."""
        import pyarrow as pa
        from pyarrow import parquet

        columns: dict[str, Any] = {}
        for name in (LABEL, *_MODELS):
            answers = self.given(name)
            if answers is not None:
                columns[name] = pa.array(answers)
        if self.written is not None:
            columns[_TOKENS] = pa.array(self.written.tokens)
            for name in ("baseline", "candidate"):
                columns[f"{_LOGPROB}{name}"] = pa.array(getattr(self.written, name))
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
            arrays, written = _answers(table)
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
                written,
            )
        except (OSError, ArrowException, KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"{path} does not hold the answers of an evaluation: {error}"
            ) from error


def _answers(table: Any) -> "tuple[dict[str, NDArray[np.int32]], Written | None]":
    """The columns of answers by name, and the texts that they index where they are texts."""
    import pyarrow as pa

    names = [name for name in (LABEL, *_MODELS) if name in table.column_names]
    if not pa.types.is_string(table.schema.field(LABEL).type):
        return {name: _integers(table[name]) for name in names}, None
    texts, arrays = coded({name: _texts(table[name]) for name in names})
    likely = [_numbers(table[f"{_LOGPROB}{name}"]) for name in ("baseline", "candidate")]
    return arrays, Written(texts, _integers(table[_TOKENS]), *likely)


def _texts(column: Any) -> list[str]:
    import pyarrow as pa

    if column.null_count:
        raise ValueError("an answer is missing")
    if not pa.types.is_string(column.type):
        raise ValueError("an answer is no text")
    return column.to_pylist()  # type: ignore[no-any-return]


def _numbers(column: Any) -> "NDArray[np.float64]":
    import numpy as np
    import pyarrow as pa

    if column.null_count:
        raise ValueError("a log-probability is missing")
    return np.asarray(column.cast(pa.float64()).to_numpy())


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
