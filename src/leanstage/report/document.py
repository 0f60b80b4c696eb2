"""The parts of a report, before any markup: the HTML and Markdown templates both read these."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from markupsafe import Markup

Tone = Literal["plain", "good", "warn", "bad", "quiet"]


@dataclass(frozen=True)
class Cell:
    """One table cell: its text, a smaller second line, and how it is set.

    ``shade`` runs from 0 to 5 and colours the background; ``code`` is for digests and ids.
    """

    text: str
    sub: str = ""
    tone: Tone = "plain"
    code: bool = False
    shade: int = 0


@dataclass(frozen=True)
class Column:
    """A column heading. ``number`` aligns right, ``prose`` keeps room for a sentence,
    ``tile`` is a square of a matrix."""

    title: str
    kind: Literal["text", "number", "prose", "tile"] = "text"


Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row is the heading of that row."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""
    detail: bool = False
    """Left out of the Markdown."""
    half: bool = False
    """Half the width of the page where there is room."""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str
    tone: Tone = "plain"
    detail: bool = False


@dataclass(frozen=True)
class Chart:
    """An inline SVG with its caption; never part of the Markdown."""

    kind: ClassVar[str] = "chart"
    svg: Markup
    title: str
    caption: str
    detail: bool = True
    half: bool = False


@dataclass(frozen=True)
class Facts:
    """Names and values."""

    kind: ClassVar[str] = "facts"
    title: str
    items: tuple[tuple[str, Cell], ...]
    detail: bool = False


@dataclass(frozen=True)
class Group:
    """A titled group of blocks with a badge."""

    kind: ClassVar[str] = "group"
    title: str
    badge: str
    tone: Tone
    blocks: "tuple[Block, ...]"
    detail: bool = False


Block = Table | Text | Chart | Facts | Group


@dataclass(frozen=True)
class Section:
    """A section of the report with its anchor."""

    anchor: str
    title: str
    lead: str
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Action:
    """One thing to do, and why."""

    code: str
    who: str
    sentence: str
    next: str


@dataclass(frozen=True)
class Card:
    """One headline figure with what stands behind it."""

    label: str
    value: str
    detail: str
    evidence: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Headline:
    """The verdict and what follows from it."""

    verdict: str
    tone: Tone
    title: str
    sentence: str
    meta: tuple[tuple[str, str], ...]
    lead: str
    actions: tuple[Action, ...] = ()
    command: str = ""
    justification: Facts | None = None


@dataclass(frozen=True)
class Document:
    """The whole report."""

    subject: str
    headline: Headline
    cards: tuple[Card, ...]
    sections: tuple[Section, ...] = field(default=())
    footer: str = ""
