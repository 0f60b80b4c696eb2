"""A real headless Chromium for pages that people read; without one its tests are skipped."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Visit:
    """An open page with everything that went wrong while it loaded."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    """What stands in the console, and errors that nobody caught."""
    requests: list[str] = field(default_factory=list)
    """Addresses that were asked for beside the page itself."""

    def violations(self) -> list[str]:
        """What axe-core finds wrong, each with the first element that is."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]

    @property
    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        root = "document.documentElement"
        return int(self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))


class Chromium:
    """Opens files, one page at a time."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser

    def open(self, path: Path, *, width: int = 1280, theme: Theme = "light") -> Visit:
        """The page at ``path`` in a window of ``width`` pixels."""
        page = self._browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme=theme, bypass_csp=False
        )
        visit = Visit(page)
        own = path.as_uri()
        page.on("console", lambda message: visit.complaints.append(message.text))
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on(
            "request", lambda request: request.url != own and visit.requests.append(request.url)
        )
        page.goto(own)
        return visit


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """A browser for the tests of one module: its event loop would be in the way of others."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("there is no Chromium here, so no page was opened in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        yield Chromium(browser)
        browser.close()
