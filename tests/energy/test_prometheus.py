"""The meters of a cluster against a real Prometheus that scrapes exporters of known power."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from leanstage.energy.meters import Meter, MeterError, ScrapedMeter, Usage, discover, discover_gpu
from leanstage.energy.meters.discovery import KINDS, METER_VARIABLE
from leanstage.prometheus import URL_VARIABLE
from tests.energy.scraped import NAMESPACE, Exporter, executable, prometheus

BURST_SECONDS = 6.0
SCRAPE_SECONDS = 1.0
MOST_ERROR = 0.02


class Case(NamedTuple):
    """A pod, what reads it, and what goes wrong in its window."""

    meter: str
    exporter: Exporter
    fault: Callable[[Exporter], None] = lambda exporter: None


class Reading(NamedTuple):
    """What a window gave."""

    truth: float
    joules: float | None
    error: str | None
    meter: Meter


def _stop(exporter: Exporter) -> None:
    exporter.frozen_at = time.monotonic()


def _restart(exporter: Exporter) -> None:
    exporter.reset_at = time.monotonic()


def _pause(exporter: Exporter) -> None:
    exporter.silent = True
    time.sleep(4)
    exporter.silent = False


CASES: dict[str, Callable[[], Case]] = {
    "kepler": lambda: Case("kepler", Exporter("kepler", 0.0, 40.0, 1.0)),
    "older-kepler": lambda: Case("kepler", Exporter("older-kepler", 3.0, 40.0, 1.0, older=True)),
    "dcgm": lambda: Case("dcgm", Exporter("dcgm", 70.0, 330.0, 1.0)),
    "dcgm-slow": lambda: Case("dcgm", Exporter("dcgm-slow", 70.0, 330.0, 2.0)),
    "stops": lambda: Case("kepler", Exporter("stops", 0.0, 40.0, 1.0), _stop),
    "restarts": lambda: Case("dcgm", Exporter("restarts", 70.0, 330.0, 1.0), _restart),
    "pauses": lambda: Case("kepler", Exporter("pauses", 0.0, 40.0, 1.0), _pause),
}


def _read(case: Case, meter: Meter, seconds: float = BURST_SECONDS) -> Reading:
    """One window, with the fault after its first second."""
    truth = 0.0
    try:
        meter.begin_window()
        with ThreadPoolExecutor(1) as beside:
            fault = beside.submit(lambda: (time.sleep(1), case.fault(case.exporter)))
            truth = case.exporter.burst(seconds)
            fault.result()
        joules = meter.end_window(Usage(seconds, seconds))
    except MeterError as error:
        return Reading(truth, None, str(error), meter)
    return Reading(truth, joules, None, meter)


def _found(name: str, case: Case, address: str) -> Meter:
    """The meter as discovery finds it, once Prometheus has scraped for long enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(URL_VARIABLE, address)
        patch.setenv("POD_NAMESPACE", NAMESPACE)
        patch.setenv("POD_NAME", case.exporter.pod)
        patch.setenv(METER_VARIABLE, case.meter)
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        deadline = time.monotonic() + 30
        while True:
            try:
                return discover() if KINDS[case.meter].device == "processor" else discover_gpu()
            except MeterError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Reading]]:
    """All cases at once, since each waits most of the time; then the server goes down."""
    if executable() is None:
        pytest.skip("prometheus is not installed: `make .venv/bin/prometheus` gets it from apt")
    with ExitStack() as stack:
        cases = {name: build() for name, build in CASES.items()}
        for case in cases.values():
            stack.callback(case.exporter.close)
        address, process = stack.enter_context(
            prometheus(
                tmp_path_factory.mktemp("prometheus"),
                [case.exporter for case in cases.values()],
                SCRAPE_SECONDS,
            )
        )
        meters = {name: _found(name, case, address) for name, case in cases.items()}
        with ThreadPoolExecutor(len(cases)) as pool:
            found = {name: pool.submit(_read, case, meters[name]) for name, case in cases.items()}
        results = {name: future.result() for name, future in found.items()}
        down = cases["kepler"]._replace(fault=lambda _: process.kill())
        results["down"] = _read(down, meters["kepler"], seconds=2)
        yield results


@pytest.mark.parametrize("name", ["kepler", "older-kepler", "dcgm", "dcgm-slow"])
def test_a_burst_of_seconds_is_read_within_two_percent(
    readings: dict[str, Reading], name: str
) -> None:
    reading = readings[name]
    assert reading.joules == pytest.approx(reading.truth, rel=MOST_ERROR), reading.error
    assert all(check.passed for check in reading.meter.checks())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("stops", "no new reading for"),
        ("restarts", "as it does when its exporter starts anew"),
        ("pauses", "no new reading for"),
        ("down", "cannot be reached"),
    ],
)
def test_a_counter_that_fails_in_a_window_is_no_reading(
    readings: dict[str, Reading], name: str, reason: str
) -> None:
    assert readings[name].error is not None, readings[name].joules
    assert reason in readings[name].error


def test_what_is_attributed_says_what_it_leaves_out(readings: dict[str, Reading]) -> None:
    info = readings["kepler"].meter.info
    assert (info.name, info.tier) == ("kepler", "attributed")
    assert "zone package; without the idle power of the node" in info.boundary
    assert "with a share of the node's idle power" in readings["older-kepler"].meter.info.boundary
    dcgm = readings["dcgm"].meter.info
    assert (dcgm.name, dcgm.tier) == ("dcgm", "measured")
    assert "not the host's processor" in dcgm.boundary


def test_windows_and_quiet_follow_from_how_often_a_reading_is_new(
    readings: dict[str, Reading],
) -> None:
    for name, period in (("kepler", 1.0), ("dcgm-slow", 2.0)):
        meter = readings[name].meter
        assert isinstance(meter, ScrapedMeter)
        assert meter.quiet_seconds == pytest.approx(4 * period, rel=0.15)
        assert meter.min_window_seconds == pytest.approx(6.0, rel=0.15)
