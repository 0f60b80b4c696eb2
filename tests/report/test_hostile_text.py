"""Text from datasets, models and people cannot change the report."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from typing import Any

import pytest
from markdown_it import MarkdownIt
from pydantic import BaseModel

from leanstage.contracts import Verdict
from leanstage.report import ReportInputs, render_html, render_markdown

MakeInputs = Callable[[Verdict], ReportInputs]
PAYLOADS = (
    '<img src="https://evil.example/x" onerror="alert(1)">',
    "</style></title></svg></td><script>alert(1)</script>",
    "a | b | c\n| d |\n\n# heading\n- item\n1. one",
    "`code` **bold** _it_ [link](https://evil.example) ![i](https://evil.example/i.png) ~~s~~ $x$",
    "```\nfence\n```\n<!-- gone",
    "{{ 7 * 7 }}{% raw %} &lt;b&gt; \\| \\\\| \\",
    "1. numbered",
    "--- \n===",
    "www.evil.example https://evil.example team@evil.example @team",
    "99.9%\u202e%1.0\x1b[31m",
)


def poison(value: Any, payload: str, free: bool = True) -> Any:
    """``value`` with every string in it that may hold free text replaced by ``payload``."""
    if isinstance(value, BaseModel):
        model = type(value).model_fields
        return value.model_copy(
            update={
                name: poison(
                    getattr(value, name),
                    payload,
                    free=not field.metadata and "Literal" not in str(field.annotation),
                )
                for name, field in model.items()
            }
        )
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value,
            **{f.name: poison(getattr(value, f.name), payload) for f in fields(value)},
        )
    if isinstance(value, Mapping):
        return {
            key if key in ("optimized", "fallback") else f"{key} {payload}": poison(item, payload)
            for key, item in value.items()
        }
    if isinstance(value, tuple | list):
        return tuple(poison(item, payload, free) for item in value)
    is_digest = isinstance(value, str) and len(value) == 64
    return payload if isinstance(value, str) and free and not is_digest else value


class Shape(HTMLParser):
    """Every tag with the names of its attributes, in order; none of the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.found.append((f"/{tag}", ()))


def markdown_shape(markdown: str) -> list[str]:
    """Types of all tokens but text, which payloads may change."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    flat = [inner for token in tokens for inner in (token, *(token.children or ()))]
    return [token.type for token in flat if token.type not in ("text", "text_special")]


@pytest.mark.parametrize("verdict", ["BLOCKED", "PROMOTE_BASELINE"])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_html_keeps_its_shape(make_inputs: MakeInputs, verdict: Verdict, payload: str) -> None:
    clean = poison(make_inputs(verdict), "harmless words")
    dirty = poison(make_inputs(verdict), payload)
    html = render_html(dirty)
    assert Shape(html).found == Shape(render_html(clean)).found
    assert "\u202e" not in html
    assert "\x1b" not in html


@pytest.mark.parametrize("verdict", ["BLOCKED", "PROMOTE_BASELINE"])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_markdown_keeps_its_shape(make_inputs: MakeInputs, verdict: Verdict, payload: str) -> None:
    clean = poison(make_inputs(verdict), "harmless words")
    dirty = poison(make_inputs(verdict), payload)
    markdown = render_markdown(dirty)
    assert markdown_shape(markdown) == markdown_shape(render_markdown(clean))
    # The command stands in a code fence, where an address is no link and names no one.
    prose = markdown.replace(payload.strip("\n"), "")
    assert "https://evil" not in prose
    assert "www.evil" not in prose
    assert "@team" not in prose


def test_hostile_text_is_still_readable(make_inputs: MakeInputs) -> None:
    dirty = poison(make_inputs("BLOCKED"), PAYLOADS[0])
    assert "&lt;img src=&#34;https://evil.example/x&#34;" in render_html(dirty)
    assert '&lt;img src="https\\://evil.example/x"' in render_markdown(dirty)
