"""Tasks: what a row is, how splits are read, checked and kept."""

from leanstage.tasks.splits import (
    Examples,
    SplitFolder,
    check_training,
    hold_out,
    open_split,
    overlap,
    read_labelled,
    read_unlabelled,
    write_split,
)

__all__ = [
    "Examples",
    "SplitFolder",
    "check_training",
    "hold_out",
    "open_split",
    "overlap",
    "read_labelled",
    "read_unlabelled",
    "write_split",
]
