"""Text from outside made harmless: for HTML, for Markdown, and for both."""

import re

from markupsafe import Markup, escape

# Control characters, those that reorder what follows them, and those without a width, which could
# forge a figure or a name. Joiners stay: Persian and emoji are written with them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)
_SPECIAL = re.compile(r"([\\`*{}\[\]#~!$]|(?<![^\W_])_|_(?![^\W_]))")
_LINE_START = re.compile(r"^(\d+)([.)])(?!\S)|^([-+=:])(?!\d)")
_SAFE_CODE = re.compile(r"^[\w.:@/+-]+$")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"}


def visible(value: object) -> object:
    """A string with control and direction characters replaced; anything else as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _HIDDEN.sub("\N{REPLACEMENT CHARACTER}", value)
    return value


def line(text: str) -> str:
    """``text`` as one line for a terminal."""
    return " ".join(str(visible(text)).split())


def html(text: str) -> Markup:
    """``text`` for HTML or SVG content and attributes."""
    return escape(visible(text))


def markdown(text: str) -> str:
    """``text`` as one line of literal GitHub Markdown, fit for a table cell."""
    flat = _SPECIAL.sub(r"\\\1", line(text))
    flat = "".join(_ENTITIES.get(character, character) for character in flat)
    flat = _LINE_START.sub(lambda m: f"{m[1]}\\{m[2]}" if m[1] else f"\\{m[3]}", flat)
    # GitHub links bare addresses and notifies the people named after an @.
    flat = flat.replace("://", "\\://").replace("www.", "www\\.")
    # As Markup, so that this joiner is not taken for one of the text's own.
    return Markup(flat.replace("@", "@\N{WORD JOINER}"))


def code(text: str) -> str:
    """A digest or identifier as a code span; other text as literal Markdown."""
    return f"`{text}`" if _SAFE_CODE.match(text) else markdown(text)


def fenced(text: str) -> str:
    """``text`` in a code fence longer than any run of backticks in it."""
    body = str(visible(text)).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{body}\n{fence}"
