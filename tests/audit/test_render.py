"""The page and the table hold what the audit holds, and nothing that a name smuggles in."""

import base64
import csv
import hashlib
import io
import re
from datetime import UTC, datetime

import pytest

from leanstage.audit import render_csv, render_html, words
from leanstage.audit.render import SHOWN
from leanstage.contracts import Audit, AuditEntry, Coverage, Deployed, Flag, YearlySaving
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


FULL = AuditEntry(
    model="reviews",
    version="3",
    status="never-evaluated",
    reason="No gate promoted it.",
    served_by=(
        Deployed(
            kind="InferenceService",
            namespace="team-a",
            name="one",
            server="huggingface",
            accelerators=2,
        ),
    ),
    joules_per_answer=0.027,
    tier="measured",
    requests_per_year=4e6,
    yearly=YearlySaving(
        kwh=(120.0, 480.0),
        tco2e=(0.02, 0.3),
        money=(10.0, 90.0),
        currency="USD",
        share=(0.2, 0.8),
        joules_per_answer=(0.027, 0.027),
        basis="A rule of thumb.",
    ),
    flags=(
        Flag(code="parameters.many", sentence="It has 110 M."),
        Flag(code="accelerator.small", sentence="It holds 2."),
    ),
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


def test_the_page_asks_for_nothing_and_runs_one_script() -> None:
    page = render_html(AUDIT)
    tags = re.findall(r"<(\w+)", page)
    assert not {"img", "link", "iframe", "object"} & set(tags)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page


def test_a_hostile_name_is_shown_as_it_is() -> None:
    page = render_html(AUDIT)
    assert "=&lt;script&gt;alert(1)&lt;script&gt;[red]/1 (champion)" in page
    assert "&lt;img src=http://evil&gt; \N{REPLACEMENT CHARACTER}" in page


def test_a_name_hides_no_character() -> None:
    entry = AUDIT.entries[0].model_copy(update={"model": "a\u061cb\u200bc"})
    assert "a\ufffdb\ufffdc/1" in render_html(made(entry))


def test_a_spreadsheet_computes_nothing() -> None:
    (row,) = csv.DictReader(io.StringIO(render_csv(AUDIT)))
    assert row["model"] == f"'{HOSTILE}"
    assert row["aliases"] == "champion"
    assert row["bytes"] == ""


@pytest.mark.parametrize("name", [" =1+1", "\n=1+1", "\u00a0@x", "\t1"])
def test_what_stands_before_a_formula_hides_none(name: str) -> None:
    entry = AUDIT.entries[0].model_copy(update={"model": name})
    (row,) = csv.DictReader(io.StringIO(render_csv(made(entry)), newline=""))
    assert row["model"] == f"'{name}"


def test_every_field_of_an_entry_has_its_columns() -> None:
    (row,) = csv.DictReader(io.StringIO(render_csv(made(FULL))))
    flat = set(AuditEntry.model_fields) - {"yearly"}
    assert flat <= set(row)
    assert row["served_by"] == "InferenceService team-a/one (huggingface, 2 accelerators)"
    assert row["flags"] == "parameters.many accelerator.small"
    assert (row["kwh_low"], row["kwh_high"], row["currency"]) == ("120.0", "480.0", "USD")
    assert (row["money_low"], row["tco2e_high"]) == ("10.0", "0.3")
    assert float(row["wh_per_1000_answers"]) == pytest.approx(0.0075)
    assert row["basis"] == "A rule of thumb."


def test_what_could_not_be_asked_is_a_row_of_both() -> None:
    audit = made(FULL).model_copy(update={"problems": ("=The cluster is away.",)})
    *_, last = csv.DictReader(io.StringIO(render_csv(audit)))
    assert (last["status"], last["error"]) == ("unread", "'=The cluster is away.")
    assert "=The cluster is away." in render_html(audit)


def test_a_page_of_very_many_says_where_the_rest_is() -> None:
    page = render_html(made(*[AUDIT.entries[0]] * (SHOWN + 1)))
    assert page.count('<th scope="row"') == SHOWN
    assert "The first 1,000 of 1,001 are shown" in page
    assert len(page) < 2_000_000


def test_an_audit_of_nothing_is_a_page_too() -> None:
    assert "no version carries the alias champion." in render_html(made())


def test_what_serves_is_named_with_what_it_holds() -> None:
    each = Deployed(
        kind="StatefulSet", namespace="a", name="b", server="triton", replicas=0,
        accelerators=1, share_percent=10,
    )  # fmt: skip
    assert words.deployed(each) == (
        "StatefulSet a/b (triton, 1 accelerator, 10% of the requests, no replica at present)"
    )
    assert words.deployed(Deployed(kind="Deployment", namespace="a", name="b")) == "Deployment a/b"


@pytest.mark.parametrize(
    ("interval", "told"),
    [
        ((0.0, 0.0), "0"),
        ((0.0, 1e-6), "0 to <0.001"),
        ((0.1234, 99.96), "0.123 to 100"),
        ((99.94, 1234567.8), "99.9 to 1,234,568"),
        ((5.0, 5.0), "5"),
    ],
)
def test_ranges_have_three_digits(interval: tuple[float, float], told: str) -> None:
    assert words.span(interval) == told


def test_what_is_left_to_save_is_added_up() -> None:
    assert words.total(AUDIT) == ""
    assert words.total(made(FULL, FULL, *AUDIT.entries)) == (
        "Left to save in a year, by 2 models whose requests are known: 240 to 960 kWh, "
        "0.04 to 0.6 tCO2e, 20 to 180 USD."
    )
