"""The answers to a sample of production, row by row, and every figure that follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from leanstage.contracts.production import Drift, Reference
from leanstage.errors import InputError
from leanstage.variant.statistics_sample import auc_interval, cross_validated_auc, wilson_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PRODUCTION_FILE = "production.npz"
"""Beside the evaluation, where a sample of production was given."""
REFERENCES: tuple[Reference, ...] = get_args(Reference)
_CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Scores:
    """What a classifier that never saw a row gave it, each of shape (rows,).

    Attributes:
        folds: which rows were held out together.
        production: whether the row is of the sample; else it is of the rows it is told from.
        scores: higher where the row looks like production.
    """

    folds: "NDArray[np.int32]"
    production: "NDArray[np.bool_]"
    scores: "NDArray[np.float64]"


@dataclass(frozen=True, eq=False)
class SampleAnswers:
    """What both models answer to the sample, shape (rows,), and how it is told from other rows.

    An answer is the index of a class, or of a text where the model generates: equal numbers are
    equal answers.
    """

    baseline: "NDArray[np.int32]"
    candidate: "NDArray[np.int32]"
    scores: Mapping[Reference, Scores] = field(default_factory=dict)

    def save(self, path: Path) -> Path:
        """Write plain arrays; the same answers give the same bytes."""
        import numpy as np

        arrays: dict[str, NDArray[Any]] = {"baseline": self.baseline, "candidate": self.candidate}
        for against, scores in sorted(self.scores.items()):
            arrays |= {f"{against}.{name}": values for name, values in vars(scores).items()}
        with path.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        return path

    @classmethod
    def load(cls, path: Path) -> "SampleAnswers":
        """Read what :meth:`save` wrote.

        Raises:
            InputError: the file is missing, or does not hold such arrays.
        """
        from zipfile import BadZipFile

        import numpy as np

        try:
            with np.load(path, allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in arrays.files}
            scores = {
                against: Scores(
                    _column(found[f"{against}.folds"], np.int32),
                    _column(found[f"{against}.production"], np.bool_),
                    _column(found[f"{against}.scores"], np.float64),
                )
                for against in REFERENCES
                if f"{against}.scores" in found
            }
            first, second = (_column(found[name], np.int32) for name in ("baseline", "candidate"))
            return cls(first, second, scores)
        except (OSError, EOFError, LookupError, ValueError, TypeError, BadZipFile) as error:
            raise InputError(
                f"{path} does not hold the answers to a sample of production: {error}"
            ) from error

    def figures(self) -> dict[str, Any]:
        """The fields of a :class:`ProductionCheck` that follow from the answers, by name.

        Raises:
            ValueError: no rows, columns of different lengths, or scores that cannot be ranked.
        """
        n = len(self.baseline)
        if not n or len(self.candidate) != n:
            raise ValueError(f"{n:,} answers stand beside {len(self.candidate):,}")
        same = int((self.baseline == self.candidate).sum())
        return {
            "n": n,
            "same": same,
            "agreement": same / n,
            "ci95": wilson_interval(same, n, _CONFIDENCE),
            "drift": tuple(
                _drift(name, self.scores[name]) for name in REFERENCES if name in self.scores
            ),
        }


def _drift(against: Reference, found: Scores) -> Drift:
    import numpy as np

    if not len(found.folds) == len(found.production) == len(found.scores):
        raise ValueError(f"the scores against the {against} rows are of different lengths")
    if not np.isfinite(found.scores).all():
        raise ValueError(f"the scores against the {against} rows are not all finite")
    n = int(found.production.sum())
    others = len(found.production) - n
    auc = cross_validated_auc(found.scores, found.production, found.folds)
    return Drift(
        against=against,
        n=n,
        n_other=others,
        auc=auc,
        ci95=auc_interval(auc, n, others, _CONFIDENCE),
    )


def _column(values: "NDArray[Any]", kind: Any) -> "NDArray[Any]":
    if values.ndim != 1 or values.dtype != kind:
        raise ValueError(f"a column has the shape {values.shape} and the type {values.dtype}")
    return values
