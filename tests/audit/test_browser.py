"""The page in a real browser: nothing goes wrong, whoever reads it, and it can be sorted."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leanstage.audit import render_html
from leanstage.contracts import Audit, AuditEntry
from tests.audit.test_render import AUDIT, FULL, made
from tests.browser import Chromium, Visit

NAMES = "[...document.querySelectorAll('tbody th')].map(each => each.firstChild.textContent.trim())"
SIZES = (3_000_000, None, 20_000_000)


def several() -> Audit:
    rows = [
        FULL.model_copy(update={"model": f"m{index}", "bytes": size, "status": status})
        for index, (size, status) in enumerate(
            zip(SIZES, ("optimized", "drifted", "justified"), strict=True)
        )
    ]
    unread = AuditEntry(
        model="gone", version="1", status="unverifiable", reason="No.", error="It is away."
    )
    audit = made(*rows, *AUDIT.entries, unread)
    return audit.model_copy(update={"complete": False, "problems": ("Away.",), "notes": ("So.",)})


@pytest.fixture
def opened(chromium: Chromium, tmp_path: Path) -> Iterator[Callable[..., Visit]]:
    visits = []

    def visit(**window: object) -> Visit:
        path = tmp_path / "audit.html"
        path.write_text(render_html(several()), encoding="utf-8")
        visits.append(chromium.open(path, **window))  # type: ignore[arg-type]
        return visits[-1]

    yield visit
    for each in visits:
        each.page.close()


@pytest.mark.parametrize("window", [{}, {"theme": "dark"}, {"width": 390}])
def test_it_opens_without_a_complaint_and_everybody_can_read_it(
    opened: Callable[..., Visit], window: dict[str, object]
) -> None:
    visit = opened(**window)
    assert visit.complaints == []
    assert visit.requests == []
    assert visit.violations() == []
    assert visit.overflow <= 0


def test_a_long_name_pushes_nothing_out_of_sight(chromium: Chromium, tmp_path: Path) -> None:
    path = tmp_path / "long.html"
    path.write_text(render_html(made(FULL.model_copy(update={"model": "x" * 200}))), "utf-8")
    visit = chromium.open(path)
    try:
        name = visit.page.locator("tbody th").bounding_box()
    finally:
        visit.page.close()
    assert name is not None
    assert name["width"] <= 24 * 16


def test_a_click_sorts_and_a_second_turns_it_round(opened: Callable[..., Visit]) -> None:
    page = opened().page
    size = page.get_by_role("button", name="Size")
    before = page.evaluate(NAMES)
    size.click()
    # What is not known stays at the end, whichever way.
    assert page.evaluate(NAMES)[:2] == ["m2/3", "m0/3"]
    assert page.get_by_role("columnheader", name="Size").get_attribute("aria-sort") == "descending"
    size.click()
    assert page.evaluate(NAMES)[:2] == ["m0/3", "m2/3"]
    page.get_by_role("button", name="Status").click()
    assert page.evaluate(NAMES)[0] == "m1/3"
    page.get_by_role("button", name="Model").click()
    assert page.evaluate(NAMES) == sorted(before, key=str.casefold)


def test_a_frame_that_lets_no_script_run_shows_it_all_the_same(
    chromium: Chromium, tmp_path: Path
) -> None:
    inner = render_html(several()).replace("&", "&amp;").replace('"', "&quot;")
    path = tmp_path / "frame.html"
    path.write_text(f'<iframe sandbox srcdoc="{inner}" width="1200" height="800"></iframe>')
    page = chromium.open(path).page
    frame = page.frame_locator("iframe")
    assert frame.locator("tbody tr").count() == 5
    assert frame.get_by_role("button").count() == 0
    page.close()
