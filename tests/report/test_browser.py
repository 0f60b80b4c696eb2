"""The report in a real browser: as a file, in a sandboxed frame, on a phone, in both themes."""

import html
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from leanstage.contracts import Verdict
from leanstage.report import ReportInputs, render_html
from tests.browser import Chromium, Theme

MakeInputs = Callable[[Verdict], ReportInputs]
VERDICTS = get_args(Verdict)


@pytest.fixture
def page_of(make_inputs: MakeInputs, tmp_path: Path) -> Callable[[Verdict], Path]:
    def write(verdict: Verdict) -> Path:
        path = tmp_path / "report.html"
        path.write_text(render_html(make_inputs(verdict)), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("theme", get_args(Theme))
@pytest.mark.parametrize("verdict", VERDICTS)
def test_it_is_accessible_silent_and_loads_nothing(
    chromium: Chromium, page_of: Callable[[Verdict], Path], verdict: Verdict, theme: Theme
) -> None:
    visit = chromium.open(page_of(verdict), theme=theme)
    assert visit.violations() == []
    assert visit.complaints == []
    assert visit.requests == []


@pytest.mark.parametrize("theme", get_args(Theme))
@pytest.mark.parametrize("width", [320, 1280])
def test_fifty_settings_are_as_accessible_as_two(
    chromium: Chromium, make_inputs: MakeInputs, tmp_path: Path, theme: Theme, width: int
) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_html(fifty_settings(make_inputs("BLOCKED"))), encoding="utf-8")
    visit = chromium.open(path, width=width, theme=theme)
    assert visit.page.locator("#tried .shape").count() == 51
    assert visit.violations() == []
    assert visit.overflow == 0


def fifty_settings(inputs: ReportInputs) -> ReportInputs:
    """The report, its first step with fifty settings: some ruined, some not evaluated."""
    record = inputs.candidates["optimized"]
    distill, *_ = record.manifest.lineage
    kept = distill.trials[1]
    assert kept.validation is not None
    trials = []
    for number in range(50):
        drop = 0.002 if number == 30 else 0.4 if number % 9 == 4 else 0.0003 * number - 0.002
        figures = kept.validation.model_copy(update={"probability_drop": drop})
        changed = {
            "settings": {"depth": number / 50},
            "fits": drop <= 0.005,
            "ms_per_answer": 14.0 - 0.22 * number,
            "validation": None if number % 11 == 7 else figures,
        }
        trials.append(kept.model_copy(update=changed))
    step = distill.model_copy(update={"trials": tuple(trials), "settings": trials[30].settings})
    manifest = record.manifest.model_copy(update={"lineage": (step,)})
    return replace(inputs, candidates={"optimized": replace(record, manifest=manifest)})


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_it_is_never_wider_than_the_window(
    chromium: Chromium, page_of: Callable[[Verdict], Path], width: int
) -> None:
    assert chromium.open(page_of("BLOCKED"), width=width).overflow == 0


def test_it_is_accessible_on_a_phone(
    chromium: Chromium, page_of: Callable[[Verdict], Path]
) -> None:
    assert chromium.open(page_of("BLOCKED"), width=390).violations() == []


@pytest.fixture
def framed(page_of: Callable[[Verdict], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A page with the report in a frame made of text, as the Kubeflow UI makes one."""

    def write(sandbox: str) -> Path:
        report = page_of("PROMOTE_OPTIMIZED").read_text(encoding="utf-8")
        outer = tmp_path / "frame.html"
        outer.write_text(
            f'<!DOCTYPE html><iframe sandbox="{sandbox}" width="1200" height="850" '
            f'srcdoc="{html.escape(report)}"></iframe>',
            encoding="utf-8",
        )
        return outer

    return write


def test_its_links_stay_in_a_sandboxed_frame(
    chromium: Chromium, framed: Callable[[str], Path]
) -> None:
    visit = chromium.open(framed("allow-scripts"))
    frame = visit.page.frames[1]
    frame.get_by_role("navigation").get_by_text("Emissions and cost").click()
    assert 0 <= frame.locator("#footprint h2").bounding_box()["y"] < 100
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith("about:srcdoc")] == []


def test_it_is_read_in_a_frame_that_may_do_nothing(
    chromium: Chromium, framed: Callable[[str], Path]
) -> None:
    visit = chromium.open(framed(""))
    frame = visit.page.frames[1]
    assert frame.locator("h1").inner_text() == "The optimized variant ships"
    assert frame.locator("svg.chart").first.is_visible()
    # Links would lead out of such a frame.
    assert not frame.locator("nav").is_visible()
    assert not any(url.startswith("http") for url in visit.requests)


def test_its_links_work_from_disk(chromium: Chromium, page_of: Callable[[Verdict], Path]) -> None:
    visit = chromium.open(page_of("PROMOTE_OPTIMIZED"))
    visit.page.get_by_role("navigation").get_by_text("Emissions and cost").click()
    assert visit.page.url.endswith("report.html#footprint")
    assert visit.complaints == []
