"""Tasks: what a row is, how splits are read, checked and kept; what follows from the answers."""

from leanstage.tasks.comparison import Comparison, compare
from leanstage.tasks.folder import SplitFolder, open_split, write_split
from leanstage.tasks.predictions import (
    EVALUATION_FILE,
    LABEL,
    PREDICTIONS_FILE,
    Predictions,
    Slicing,
)
from leanstage.tasks.slices import slice_counts
from leanstage.tasks.splits import (
    Examples,
    check_training,
    hold_out,
    overlap,
    read_labelled,
    read_unlabelled,
)

__all__ = [
    "EVALUATION_FILE",
    "LABEL",
    "PREDICTIONS_FILE",
    "Comparison",
    "Examples",
    "Predictions",
    "Slicing",
    "SplitFolder",
    "check_training",
    "compare",
    "hold_out",
    "open_split",
    "overlap",
    "read_labelled",
    "read_unlabelled",
    "slice_counts",
    "write_split",
]
