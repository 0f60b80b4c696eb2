"""From what the workers reported to the EnergyComparison."""

import platform
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from leanstage.contracts import Arm, Check, Idle, Precision, Ratio, Runtime, Window, Workload
from leanstage.energy import checks, notes
from leanstage.energy.arrivals import AtRate
from leanstage.energy.cpu import cpu_identity
from leanstage.energy.loads import LoadKind, joules_per_answer
from leanstage.energy.meters import Meter
from leanstage.energy.parent import WORKER_ENVIRONMENT
from leanstage.energy.replies import Run, WarmUp
from leanstage.variant.threads import computing_threads, usable_threads

_PACKAGES = ("numpy", "onnxruntime", "openvino", "tokenizers", "torch", "transformers")
_WH_PER_1000_ANSWERS = 1000 / 3600
"""Watt-hours per 1,000 answers that one joule per answer is."""
_MOST_LATENCIES = 500
_LATENCY_DIGITS = 4
"""Of a millisecond."""


@dataclass
class Record:
    """What was measured, by arm where it belongs to one; windows in the order they ran."""

    load_seconds: dict[str, float] = field(default_factory=dict)
    warm_ups: dict[str, WarmUp] = field(default_factory=dict)
    windows: list[Window] = field(default_factory=list)
    """At the load that is judged."""
    runs: dict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    """Of every window in which rows are asked in batches."""
    beside: dict[LoadKind, list[Window]] = field(default_factory=lambda: defaultdict(list))
    """At the other loads."""
    latencies_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Of single rows."""
    at_rate: dict[str, list[AtRate]] = field(default_factory=lambda: defaultdict(list))
    """Of every window of requests that come at a rate."""
    idle: list[Idle] = field(default_factory=list)
    no_idle: str = ""
    """Why the meter does not tell what the machine draws at rest, where it does not."""
    idle_shares: dict[str, float] = field(default_factory=dict)

    @property
    def every_window(self) -> list[Window]:
        """At whatever load."""
        return [*self.windows, *(window for some in self.beside.values() for window in some)]

    @property
    def unhurried_windows(self) -> list[Window]:
        """Those in which the next request waits for the last answer, so that none is left over."""
        kinds = (kind for kind in self.beside if not kind.request_rate)
        return [*self.windows, *(window for kind in kinds for window in self.beside[kind])]


def summarise(
    record: Record,
    name: str,
    form: tuple[Runtime, Precision],
    digest: str | None,
    idle_watts: float | None,
) -> Arm:
    """One arm over all its windows: totals per answer, and percentiles of its latencies."""
    windows = [window for window in record.windows if window.arm == name]
    cpu_seconds = [window.cpu_seconds for window in windows if window.cpu_seconds is not None]
    here = len(cpu_seconds) == len(windows)
    answers = sum(window.answers for window in windows)
    gross = joules_per_answer(windows)[name]
    latencies_ms = _kept(record.latencies_ms[name])
    p50, p95 = np.percentile(latencies_ms, (50, 95)).tolist()
    return Arm(
        name=name,
        runtime=form[0],
        precision=form[1],
        digest=digest,
        joules_per_answer=gross,
        dynamic_joules_per_answer=_dynamic(windows, idle_watts),
        wh_per_1000=gross * _WH_PER_1000_ANSWERS,
        cpu_ms_per_answer=sum(cpu_seconds) / answers * 1e3 if here else None,
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        latencies_ms=latencies_ms,
        idle_share=record.idle_shares[name],
        load_seconds=record.load_seconds[name] if here else None,
        peak_rss_bytes=max(run.peak_rss_bytes for run in record.runs[name]) if here else None,
    )


def _kept(milliseconds: Sequence[float]) -> tuple[float, ...]:
    """The times in order; of very many, as many of their quantiles as are kept."""
    if len(milliseconds) > _MOST_LATENCIES:
        milliseconds = np.quantile(milliseconds, np.linspace(0, 1, _MOST_LATENCIES)).tolist()
    return tuple(sorted(round(each, _LATENCY_DIGITS) for each in milliseconds))


def _dynamic(windows: Sequence[Window], idle_watts: float | None) -> float | None:
    """Energy per answer beyond that of the same time at rest; None where that is none."""
    if idle_watts is None:
        return None
    beyond = sum(window.joules - idle_watts * window.wall_seconds for window in windows)
    return beyond / sum(window.answers for window in windows) if beyond > 0 else None


def check_plausible(
    record: Record,
    judged: Sequence[Ratio],
    meter: Meter,
    *,
    request_rate: float | None,
    workload: Workload,
) -> list[Check]:
    """Every check that this record allows.

    Args:
        judged: ratios that a verdict may rest on, and the control as the last.
        request_rate: answers per second in production, where somebody says.
        workload: what the workers were asked to do.
    """
    *ratios, control = judged
    counted = "rapl" in meter.info.name.split("+")
    found = [
        checks.check_answers(record.unhurried_windows),
        checks.check_cpu_time(record.every_window, usable_threads()),
        checks.check_power(record.every_window, meter.info.possible_watts),
        checks.check_idle(record.idle_shares),
        checks.check_control(control),
        checks.check_steady(record.windows, ratios),
        checks.check_others(record.windows, counted=counted),
        *checks.check_seen(record.windows, record.idle, workload.endpoint),
        notes.note_warm_up(record.warm_ups),
        notes.note_idle_power(record.idle, record.no_idle),
        notes.note_production(record.at_rate, request_rate, workload.batch_size),
    ]
    return [*found, *meter.checks()]


def describe_environment() -> dict[str, str]:
    """CPU, versions, and the settings under which the workers ran."""
    cpu = cpu_identity()
    return {
        "cpu": cpu.name,
        "cpu_family": str(cpu.family),
        "cpu_model": str(cpu.model),
        "cpu_threads": str(cpu.threads),
        "usable_threads": str(usable_threads()),
        "computing_threads": str(computing_threads()),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{package: _version(package) for package in _PACKAGES},
        **WORKER_ENVIRONMENT,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
