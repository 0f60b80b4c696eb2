"""One audit as a page and as a table for a spreadsheet."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from leanstage import __version__
from leanstage.accounts.tables import table
from leanstage.audit import words
from leanstage.contracts import Audit, AuditEntry
from leanstage.report import escape

_NESTED = ("served_by", "yearly", "flags", "error")
_COLUMNS = (
    *(name for name in AuditEntry.model_fields if name not in _NESTED),
    "wh_per_1000_answers",
    "served_by",
    *(f"{name}_{end}" for name in ("kwh", "tco2e", "money") for end in ("low", "high")),
    "currency",
    "basis",
    "flags",
    "error",
)
SHOWN = 1000
"""Entries on the page at most; the other files hold all."""


def render_html(audit: Audit) -> str:
    """The audit as one self-contained HTML page; nothing is loaded from elsewhere.

    Its only script sorts the table; where a frame lets none run, the order stays as it is.
    """
    script = _source("sort.js").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            audit=audit,
            entries=audit.entries[:SHOWN],
            rest=[each for each in audit.entries if each.status not in ("optimized", "justified")],
            bases=sorted({each.yearly.basis for each in audit.entries if each.yearly}),
            shown=SHOWN,
            script=Markup(script),
            script_hash=digest,
            version=__version__,
        )
    )


def render_csv(audit: Audit) -> str:
    """One line an entry or problem; a text that a spreadsheet would compute is led by a quote."""
    unread = [{"status": "unread", "error": problem} for problem in audit.problems]
    return table(_COLUMNS, [*map(_row, audit.entries), *unread])


def _row(entry: AuditEntry) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(entry, name, None) for name in _COLUMNS}
    row["wh_per_1000_answers"] = words.wh_per_1000(entry)
    row["served_by"] = words.served_by(entry)
    row["flags"] = tuple(flag.code for flag in entry.flags)
    if entry.yearly is not None:
        row |= {"currency": entry.yearly.currency, "basis": entry.yearly.basis}
        for name in ("kwh", "tco2e", "money"):
            row[f"{name}_low"], row[f"{name}_high"] = getattr(entry.yearly, name)
    return row


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        finalize=escape.visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["words"] = words
    return environment


def _source(name: str) -> str:
    package = "leanstage.report" if name == "style.css.j2" else "leanstage.audit"
    return files(package).joinpath(name).read_text(encoding="utf-8")
