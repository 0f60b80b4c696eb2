"""What a reconciliation calls between two requests: it tells that the work goes on, or ends it.

A server that is slow with every page must not look like a loop that hangs.
"""

from collections.abc import Callable
from typing import Any

Step = Callable[[], None]


def go_on() -> None:
    """Nobody watches."""


def each_page(search: Callable[..., Any], step: Step) -> Callable[..., Any]:
    """A paged search that calls ``step`` before every page."""

    def search_page(**query: Any) -> Any:
        step()
        return search(**query)

    return search_page
