"""Places and items spread evenly: data often comes sorted, the layers of a model always do."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def spread(count: int, total: int) -> list[int]:
    """``count`` of ``total`` places, evenly spread, the first and the last among them.

    Of one, the last: of layers that is what the head reads.
    """
    if count == 1:
        return [total - 1]
    return [round(index * (total - 1) / (count - 1)) for index in range(count)]


def some(items: Sequence[T], most: int) -> list[T]:
    """All of them, or as many as asked for from all over: the first may be of one class."""
    return [items[place] for place in spread(min(most, len(items)), len(items))]
