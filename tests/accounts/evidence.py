"""A comparison as a run leaves it, and a setting as a user states it."""

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
    Workload,
)

JOULES = {"baseline": 1.0, "candidate": 0.25, "control": 0.25}
"""An answer, in batches; one request at a time takes twice that."""
SERVER: dict[str, Any] = {"low": 0.25, "high": 0.25, "source": "16 of 64 threads"}


def comparison(
    *, scale: tuple[float, float] | None = None, idle_watts: float | None = 2.0, **changes: Any
) -> EnergyComparison:
    """The candidate takes a quarter of the baseline's energy and half of its time."""
    registered = Ratio(
        arm="candidate", against="baseline", ratio=0.25, ci95=(0.24, 0.26), blocks=10
    )
    arms = tuple(
        Arm(
            name=name,
            runtime="torch",
            precision="fp32",
            joules_per_answer=joules,
            wh_per_1000=joules / 3.6,
            cpu_ms_per_answer=1.0,
            latency_p50_ms=40.0 if name == "baseline" else 20.0,
            latency_p95_ms=60.0 if name == "baseline" else 30.0,
            load_seconds=1.0,
            peak_rss_bytes=1,
        )
        for name, joules in JOULES.items()
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
        "windows": (),
        "registered": registered,
        "strongest": registered,
        "control": Ratio(arm="control", against="candidate", ratio=1, ci95=(1, 1), blocks=10),
        "loads": (
            Load(
                batch_size=1,
                windows=(),
                joules_per_answer={name: 2 * joules for name, joules in JOULES.items()},
                registered=registered,
                strongest=registered,
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
