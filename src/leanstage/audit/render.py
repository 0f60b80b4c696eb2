"""One audit as a page and as a table for a spreadsheet."""

import csv
import io
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

from leanstage import __version__
from leanstage.audit import words
from leanstage.contracts import Audit, AuditEntry
from leanstage.report import escape

_COLUMNS = tuple(AuditEntry.model_fields)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render_html(audit: Audit) -> str:
    """The audit as one self-contained HTML page: no script, nothing loaded from elsewhere."""
    return _environment().get_template("page.html.j2").render(audit=audit, version=__version__)


def render_csv(audit: Audit) -> str:
    """One line a serving version; a text that a spreadsheet would compute is led by a quote."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for entry in audit.entries:
        table.writerow([_cell(getattr(entry, column)) for column in _COLUMNS])
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, tuple):
        value = " ".join(map(str, value))
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


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
