"""Macro-F1 of two models on the same rows, and by how much their difference may be off.

Nothing is known of the distribution of that difference, so the rows are drawn again, seeded.
"""

from typing import TYPE_CHECKING, Any

from leanstage.contracts import PairedCounts
from leanstage.variant.statistics import tango_upper_drop

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

SEED = 20
RESAMPLES = 2000
_CELLS_AT_ONCE = 2_000_000
"""Drawn counts in memory at a time (8 bytes each, held twice)."""


def macro_f1(labels: "ArrayLike", answers: "ArrayLike", classes: int) -> float:
    """Unweighted mean of the F1 of every class that occurs among ``labels``.

    The F1 of a class is 2 hits / (its rows + answers that name it). A class without rows is left
    out under every model, so that models are compared over the same classes; answers that name it
    still count as misses of the right class.

    Args:
        labels: true class indices, shape (rows,).
        answers: class indices that the model answers, shape (rows,).
        classes: how many classes there are.

    Raises:
        ValueError: no rows, shapes that differ, or an index outside the classes.
    """
    import numpy as np

    truth, given = _paired(classes, labels, answers)
    hits, answered, rows = (
        np.bincount(values, minlength=classes) for values in (truth[truth == given], given, truth)
    )
    return float(_mean_f1(hits, answered, rows))


def bootstrap_macro_f1_differences(
    labels: "ArrayLike",
    baseline: "ArrayLike",
    candidate: "ArrayLike",
    classes: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> "NDArray[np.float64]":
    """Macro-F1 of the candidate minus that of the baseline, on rows drawn with replacement.

    Paired: a drawn row brings its label and both answers (Efron and Tibshirani 1993, "An
    Introduction to the Bootstrap"). Rows alike in all three are drawn together, as one multinomial
    over these cells; so time goes with the number of cells, not of rows.

    Args:
        labels: true class indices, shape (rows,).
        baseline: class indices that the baseline answers, shape (rows,).
        candidate: class indices that the candidate answers, shape (rows,).
        classes: how many classes there are.

    Returns:
        The differences in ascending order, shape (resamples,).

    Raises:
        ValueError: no rows, shapes that differ, or an index outside the classes.
    """
    import numpy as np

    truth, first, second = _paired(classes, labels, baseline, candidate)
    codes = (truth * classes + first) * classes + second
    cells, counts = np.unique(codes, return_counts=True)
    tally = _tally(cells, classes)
    # The stream of RandomState never changes with the version of numpy, as Generator's may.
    random = np.random.RandomState(seed)
    found = []
    step = max(1, _CELLS_AT_ONCE // max(len(cells), 5 * classes))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = random.multinomial(len(truth), counts / len(truth), size=size)
        columns = np.ascontiguousarray(drawn.T, dtype=float)
        rows, hits, answered, hits_after, answered_after = (tally @ columns).reshape(
            5, classes, size
        )
        found.append(_mean_f1(hits_after, answered_after, rows) - _mean_f1(hits, answered, rows))
    return np.sort(np.concatenate(found))


def percentile_interval(
    differences: "NDArray[np.float64]", confidence: float = 0.95
) -> tuple[float, float]:
    """Two-sided percentile interval of bootstrapped differences, quantiles interpolated linearly.

    It has no width where all differences are the same, as they are without discordant rows.

    Raises:
        ValueError: a confidence outside (0, 1).
    """
    import numpy as np

    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")
    low, high = np.quantile(differences, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return float(low), float(high)


def bootstrap_upper_drop(differences: "NDArray[np.float64]", confidence: float) -> float:
    """One-sided upper percentile bound of the drop, which is minus the difference.

    Raises:
        ValueError: a confidence outside (0.5, 1).
    """
    import numpy as np

    if not 0.5 < confidence < 1.0:
        raise ValueError(f"a one-sided confidence lies between 0.5 and 1, not at {confidence}")
    return -float(np.quantile(differences, 1.0 - confidence))


def macro_f1_upper_drop(
    counts: PairedCounts, differences: "NDArray[np.float64]", confidence: float
) -> float:
    """Upper bound of the drop in macro-F1 that a gate can rest on.

    The larger of the bootstrap's bound and of Tango's for the accuracy: without discordant rows
    the bootstrap sees no spread at all. Neither tells how a class of very few rows, all of them
    still right, would fare on more rows.

    Args:
        counts: the paired answers, at least one row.
        differences: those of the same rows, from :func:`bootstrap_macro_f1_differences`.
        confidence: one-sided, in (0.5, 1).

    Raises:
        ValueError: no rows, or a confidence out of range.
    """
    return max(bootstrap_upper_drop(differences, confidence), tango_upper_drop(counts, confidence))


def _paired(classes: int, *columns: "ArrayLike") -> list["NDArray[np.int64]"]:
    import numpy as np

    arrays = [np.asarray(column) for column in columns]
    shapes = [array.shape for array in arrays]
    if len(set(shapes)) > 1 or arrays[0].ndim != 1 or arrays[0].size == 0:
        raise ValueError(f"labels and answers must be equally long and not empty, not {shapes}")
    if any(array.min() < 0 or array.max() >= classes for array in arrays):
        raise ValueError(f"labels and answers must be class indices below {classes}")
    return [array.astype(np.int64) for array in arrays]


def _tally(cells: "NDArray[np.int64]", classes: int) -> Any:
    """What a row of each cell adds, by class: a sparse matrix of shape (5 classes, cells).

    The five blocks: rows of the class; hits and answers of the baseline; of the candidate.
    """
    import numpy as np
    from scipy.sparse import csr_array

    rest, second = np.divmod(cells, classes)
    truth, first = np.divmod(rest, classes)
    here = np.arange(len(cells))
    blocks = [(truth, here)]
    for answers in (first, second):
        right = np.flatnonzero(answers == truth)
        blocks += [(truth[right], right), (answers, here)]
    rows = np.concatenate([block * classes + of for block, (of, _) in enumerate(blocks)])
    columns = np.concatenate([where for _, where in blocks])
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(5 * classes, len(cells)))


def _mean_f1(hits: Any, answered: Any, rows: Any) -> Any:
    """Mean over the classes that have rows; classes lie along the first axis of every array."""
    import numpy as np

    present = rows > 0
    return (2 * hits / np.where(present, rows + answered, 1)).sum(axis=0) / present.sum(axis=0)
