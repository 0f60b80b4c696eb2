"""From what the workers reported to the EnergyComparison."""

import platform
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from leanstage.contracts import Arm, Check, Load, Precision, Ratio, Runtime, Window
from leanstage.energy import checks
from leanstage.energy.cpu import cpu_identity, usable_threads
from leanstage.energy.meters import Meter
from leanstage.energy.ratios import cheapest, energy_ratio
from leanstage.energy.resident import WORKER_ENVIRONMENT, Run, Singles, WarmUp

_PACKAGES = ("numpy", "onnxruntime", "openvino", "tokenizers", "torch", "transformers")
_WH_PER_1000_ANSWERS = 1000 / 3600
"""Watt-hours per 1,000 answers that one joule per answer is."""


@dataclass
class Record:
    """What was measured, by arm where it belongs to one; windows in the order they ran."""

    load_seconds: dict[str, float] = field(default_factory=dict)
    warm_ups: dict[str, WarmUp] = field(default_factory=dict)
    windows: list[Window] = field(default_factory=list)
    runs: dict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    singles: list[Window] = field(default_factory=list)
    """Windows of single-row calls."""
    latencies_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    idle_shares: dict[str, float] = field(default_factory=dict)

    def add_window(self, arm: str, block: int, run: Run, joules: float) -> None:
        """Note one window of ``arm``."""
        self.runs[arm].append(run)
        self.windows.append(
            Window(
                arm=arm,
                block=block,
                answers=run.answers,
                wall_seconds=run.wall_seconds,
                cpu_seconds=run.cpu_seconds,
                joules=joules,
            )
        )

    def add_singles(self, arm: str, block: int, calls: Singles, joules: float) -> None:
        """Note one window of single-row calls of ``arm``."""
        self.latencies_ms[arm] += calls.milliseconds
        self.singles.append(
            Window(
                arm=arm,
                block=block,
                answers=len(calls.milliseconds),
                wall_seconds=calls.wall_seconds,
                cpu_seconds=calls.cpu_seconds,
                joules=joules,
            )
        )


def one_at_a_time(
    record: Record, candidate: str, baseline: str, unoptimized: Collection[str]
) -> Load:
    """The comparison at a load of one row per request."""
    joules = {arm: _joules_per_answer(record.singles, arm) for arm in record.latencies_ms}
    strongest = cheapest({name: joules[name] for name in unoptimized})
    return Load(
        batch_size=1,
        windows=tuple(record.singles),
        joules_per_answer=joules,
        registered=energy_ratio(record.singles, candidate, baseline),
        strongest=energy_ratio(record.singles, candidate, strongest),
    )


def _joules_per_answer(windows: Iterable[Window], arm: str) -> float:
    own = [window for window in windows if window.arm == arm]
    return sum(window.joules for window in own) / sum(window.answers for window in own)


def summarise(
    record: Record, name: str, form: tuple[Runtime, Precision], digest: str | None
) -> Arm:
    """One arm over all its windows: totals per answer, and percentiles of its latencies."""
    windows = [window for window in record.windows if window.arm == name]
    answers = sum(window.answers for window in windows)
    joules_per_answer = _joules_per_answer(windows, name)
    p50, p95 = np.percentile(record.latencies_ms[name], (50, 95)).tolist()
    return Arm(
        name=name,
        runtime=form[0],
        precision=form[1],
        digest=digest,
        joules_per_answer=joules_per_answer,
        wh_per_1000=joules_per_answer * _WH_PER_1000_ANSWERS,
        cpu_ms_per_answer=sum(window.cpu_seconds for window in windows) / answers * 1e3,
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        load_seconds=record.load_seconds[name],
        peak_rss_bytes=max(run.peak_rss_bytes for run in record.runs[name]),
    )


def check_plausible(record: Record, control: Ratio, meter: Meter) -> list[Check]:
    """Every check that this record allows; power only where the meter knows its limits."""
    found = [
        checks.check_answers([run for runs in record.runs.values() for run in runs]),
        checks.check_cpu_time(record.windows, usable_threads()),
        checks.check_idle(record.idle_shares),
        checks.check_control(control),
        checks.note_warm_up(record.warm_ups),
    ]
    if meter.power_range:
        found.append(checks.check_power(record.windows, meter.power_range))
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
