"""The page and the table hold what the audit holds, and nothing that a name smuggles in."""

import csv
import io
import re
from datetime import UTC, datetime

from leanstage.audit import render_csv, render_html
from leanstage.contracts import Audit, AuditEntry, Coverage
from tests.audit.conftest import HOSTILE


def made(*entries: AuditEntry) -> Audit:
    count = len(entries)
    return Audit(
        taken=datetime.now(UTC).isoformat(timespec="seconds"),
        where="http://mlflow",
        aliases=("champion",),
        entries=entries,
        coverage=Coverage(models=count, evaluated=0, optimized=0, justified=0, rest=count),
        complete=True,
    )


AUDIT = made(
    AuditEntry(
        model=HOSTILE,
        version="1",
        aliases=("champion",),
        status="never-evaluated",
        reason="<img src=http://evil> \u202e",
    )
)


def test_the_page_asks_for_nothing_and_runs_nothing() -> None:
    page = render_html(AUDIT)
    tags = re.findall(r"<(\w+)", page)
    assert not {"script", "img", "link", "iframe", "object"} & set(tags)
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page


def test_a_hostile_name_is_shown_as_it_is() -> None:
    page = render_html(AUDIT)
    assert "=&lt;script&gt;alert(1)&lt;script&gt;[red]/1 (champion)" in page
    assert "&lt;img src=http://evil&gt; \N{REPLACEMENT CHARACTER}" in page


def test_a_spreadsheet_computes_nothing() -> None:
    (row,) = csv.DictReader(io.StringIO(render_csv(AUDIT)))
    assert row["model"] == f"'{HOSTILE}"
    assert row["aliases"] == "champion"
    assert row["bytes"] == ""
    assert list(row) == list(AuditEntry.model_fields)


def test_an_audit_of_nothing_is_a_page_too() -> None:
    assert "no version carries the alias champion." in render_html(made())
