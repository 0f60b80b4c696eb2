"""A comparison as a run leaves it, and a setting as a user states it."""

from collections.abc import Mapping
from typing import Any

from leanstage.contracts import (
    Arm,
    Check,
    EnergyComparison,
    HardwareProfile,
    Idle,
    Load,
    MeterInfo,
    Ratio,
    Setting,
    Window,
    Workload,
)
from leanstage.energy.ratios import energy_ratio

JOULES = {"baseline": 1.0, "candidate": 0.25, "control": 0.25}
"""An answer, in batches; one request at a time takes twice that."""
SERVER: dict[str, Any] = {"low": 0.25, "high": 0.25, "source": "16 of 64 threads"}


def windows(joules: Mapping[str, float]) -> tuple[Window, ...]:
    """Ten blocks, in which the candidate takes a little more and a little less in turn."""
    return tuple(
        Window(
            arm=name,
            block=block,
            answers=10,
            wall_seconds=10.0,
            cpu_seconds=0.01,
            joules=10 * each * (1 + 0.05 * (-1) ** block * (name == "candidate")),
        )
        for block in range(10)
        for name, each in joules.items()
    )


def ratio(made: tuple[Window, ...]) -> Ratio:
    """Of the candidate, over the baseline."""
    return energy_ratio(made, "candidate", "baseline")


def comparison(
    *,
    scale: tuple[float, float] | None = None,
    idle_watts: float | None = 2.0,
    joules: Mapping[str, float] = JOULES,
    **changes: Any,
) -> EnergyComparison:
    """The candidate takes a quarter of the baseline's energy and half of its time."""
    batches, single = windows(joules), windows({name: 2 * each for name, each in joules.items()})
    arms = tuple(
        Arm(
            name=name,
            runtime="torch",
            precision="fp32",
            digest=("b" if name == "baseline" else "c") * 64,
            joules_per_answer=each,
            wh_per_1000=each / 3.6,
            cpu_ms_per_answer=1.0,
            latency_p50_ms=40.0 if name == "baseline" else 20.0,
            latency_p95_ms=60.0 if name == "baseline" else 30.0,
            load_seconds=1.0,
            peak_rss_bytes=1,
        )
        for name, each in joules.items()
    )
    fields: dict[str, Any] = {
        "meter": MeterInfo(
            name="rapl" if scale is None else "cpu-time",
            tier="measured" if scale is None else "estimated",
            boundary="packages and memory",
            scale=scale,
        ),
        "workload": Workload(
            batch_size=8, rows=64, dataset_sha256="a" * 64, label="evaluation rows"
        ),
        "node": HardwareProfile(cpu="a processor", family=6, model=106, threads=2, memory_bytes=1),
        "environment": {},
        "arms": arms,
        "windows": batches,
        "registered": ratio(batches),
        "strongest": ratio(batches),
        "control": energy_ratio(batches, "control", "candidate"),
        "loads": (
            Load(
                batch_size=1,
                windows=single,
                joules_per_answer={name: 2 * each for name, each in joules.items()},
                registered=ratio(single),
                strongest=ratio(single),
            ),
        ),
        "checks": (Check(name="answers", passed=True, detail="all"),),
        "baseline_digest": "b" * 64,
        "candidate_digest": "c" * 64,
        "seconds": 60.0,
    }
    if idle_watts is not None:
        window = Idle(block=0, wall_seconds=10.0, cpu_seconds=0.0, joules=10.0 * idle_watts)
        fields["idle"] = (window,)
    return EnergyComparison(**fields | changes)


def setting(**changes: Any) -> Setting:
    """Ten million answers in 2026 by two replicas of one's own."""
    fields: dict[str, Any] = {
        "site": "owned",
        "year": 2026,
        "answers_per_year": {"value": 1e7, "source": "counted", "origin": "measured"},
        "replica": {"server_share": SERVER},
        "replicas": 2,
    }
    return Setting.model_validate(fields | changes)
