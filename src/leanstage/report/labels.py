"""Numbers beside marks, none over another: one that finds no room is left out."""

from typing import Literal

from leanstage.report.escape import html

_DESK, _PHONE = 6.4, 2.9
"""Pixels per percent of a picture 640 pixels wide, and of one 290 wide."""
_LETTER, _HEIGHT = 6.5, 11.0
_PLACES: tuple[tuple[float, float, Literal["start", "middle", "end"]], ...] = (
    (0.0, -12.0, "middle"),
    (0.0, 21.0, "middle"),
    (13.0, 4.0, "start"),
    (-13.0, 4.0, "end"),
)
"""Above, below, to the right, to the left: pixels from the mark to the foot of the words."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""


class Labels:
    """Numbers for marks; what is taken is known for a desk and for a phone."""

    def __init__(self) -> None:
        self._taken: dict[float, list[Box]] = {_DESK: [], _PHONE: []}

    def keep_free(self, x: float, y: float, words: str, anchor: str) -> None:
        """Take the room of ``words`` that stand at ``x`` percent and ``y`` pixels."""
        for scale, taken in self._taken.items():
            taken.append(_box(x * scale, y, words, anchor))

    def keep_free_between(self, x1: float, x2: float, y1: float, y2: float) -> None:
        """Take the room of a line or a mark: from ``x1`` to ``x2`` percent, and 5 pixels around."""
        for scale, taken in self._taken.items():
            taken.append((x1 * scale - 5, y1, x2 * scale + 5, y2))

    def beside(self, x: float, y: float, words: str, *, needed: bool) -> str:
        """``words`` at the first free place around a mark; nothing where there is none.

        What is ``needed`` stands above the mark all the same. What has room at a desk alone is
        left out on a phone.
        """
        for right, below, anchor in _PLACES:
            boxes = {
                scale: _box(x * scale + right, y + below, words, anchor) for scale in self._taken
            }
            if not self._is_free(_DESK, boxes[_DESK]):
                continue
            fits = self._is_free(_PHONE, boxes[_PHONE])
            for scale, box in boxes.items():
                if fits or scale == _DESK:
                    self._taken[scale].append(box)
            name = "number-mark" if fits or needed else "number-mark more"
            return _beside(name, x, right, y + below, words, anchor)
        return _beside("number-mark", x, 0.0, y - 12, words, "middle") if needed else ""

    def _is_free(self, scale: float, box: Box) -> bool:
        return not any(_overlap(box, other) for other in self._taken[scale])


def _beside(name: str, x: float, right: float, y: float, words: str, anchor: str) -> str:
    """``words`` so many pixels to the right of ``x`` percent."""
    place = f'x="{x:.2f}%" dx="{right:g}" y="{y:g}" text-anchor="{anchor}"'
    return f'<text class="{name}" {place}>{html(words)}</text>'


def _box(left: float, foot: float, words: str, anchor: str) -> Box:
    width = _LETTER * len(words)
    left -= {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    return left, foot - _HEIGHT, left + width, foot


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
