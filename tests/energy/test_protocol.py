import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leanstage.contracts import Check, EnergyComparison, Precision, Runtime, idle_watts
from leanstage.energy.meters import METER_VARIABLE, CpuTimeMeter, Meter, MeterError, Usage
from leanstage.energy.parent import WorkerError
from leanstage.energy.protocol import compare
from leanstage.errors import InputError
from leanstage.gate.measurement import contradictions
from leanstage.gate.windows import percentiles_ms

MakeVariant = Callable[..., Path]
Form = tuple[Runtime, Precision]

TEXTS = [f"text {i}" for i in range(50)]
SHA256 = {"baseline": "b" * 64, "candidate": "c" * 64}
OTHER = "baseline-onnxruntime-fp32"


def quick_compare(arms: dict[str, Path], **settings: Any) -> EnergyComparison:
    form: Form = ("onnxruntime", "fp32")
    defaults: dict[str, Any] = {
        "batch_size": 8,
        "dataset_sha256": "d" * 64,
        "digests": SHA256,
        "forms": dict.fromkeys(arms, form),
        "meter": CpuTimeMeter(threads=2),
        "blocks": 4,
        "window_seconds": 0.05,
        "warm_up_seconds": 0.5,
        "loader": "tiny_predictor:burning",
    }
    return compare(arms, TEXTS, **{**defaults, **settings})


@pytest.fixture
def pair(make_variant: MakeVariant) -> dict[str, Path]:
    return {"baseline": make_variant("baseline"), "candidate": make_variant("candidate")}


class WorkMeter(CpuTimeMeter):
    """A joule for each second of the worker's own: what else runs leaves no trace."""

    def _read_joules(self, usage: Usage) -> float:
        return usage.cpu_seconds


def test_the_ratio_follows_the_work(make_variant: MakeVariant) -> None:
    told: list[tuple[str, float]] = []
    comparison = quick_compare(
        {
            "baseline": make_variant("baseline", products=160),
            "candidate": make_variant("candidate", products=20),
            OTHER: make_variant("other", products=80),
        },
        meter=WorkMeter(threads=2),
        progress=lambda what, share: told.append((what, share)),
    )
    assert 0.05 < comparison.registered.ratio < 0.5
    assert comparison.registered.against == "baseline"
    assert comparison.strongest.against == OTHER
    assert comparison.registered.ratio < comparison.strongest.ratio < 0.8
    assert 0.5 < comparison.control.ratio < 2
    assert comparison.control.arm == "control"
    assert [arm.name for arm in comparison.arms] == ["baseline", "candidate", OTHER, "control"]
    assert comparison.arm("control").digest == SHA256["candidate"]
    assert comparison.arm(OTHER).digest is None
    assert comparison.arm("baseline").latency_p50_ms > comparison.arm("candidate").latency_p50_ms
    for arm in comparison.arms:
        calls = sum(w.answers for w in comparison.loads[0].windows if w.arm == arm.name)
        assert len(arm.latencies_ms) == min(calls, 500) >= 80
        computed = percentiles_ms(arm.latencies_ms)
        assert computed == pytest.approx((arm.latency_p50_ms, arm.latency_p95_ms))
        assert arm.idle_share is not None
        assert arm.idle_share < 0.05
    assert all(window.asked == window.answers for window in comparison.windows)
    assert not contradictions(comparison)
    assert len(comparison.windows) == 16
    (load,) = comparison.loads
    assert load.batch_size == 1
    assert 0.05 < load.registered.ratio < 0.6
    assert load.strongest.against == OTHER
    assert load.joules_per_answer.keys() == {arm.name for arm in comparison.arms}
    assert load.joules_per_answer["candidate"] < load.joules_per_answer["baseline"]
    assert comparison.workload.rows == 50
    assert comparison.environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert comparison.meter.tier == "estimated"
    passed = {check.name: check.passed for check in comparison.checks}
    assert passed.keys() == {
        *("answers", "cpu-time", "idle-workers", "control", "steady", "co-tenants", "warm-up"),
        *("idle-power", "production", "power"),
    }
    assert passed["answers"]
    assert passed["cpu-time"]
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert 0 == shares[0] < shares[-1] < 1


def test_every_load_is_measured_and_rest_beside_it(make_variant: MakeVariant) -> None:
    arms = {
        "baseline": make_variant("baseline", products=12),
        "candidate": make_variant("candidate", products=3),
    }
    comparison = quick_compare(
        arms,
        batch_size=4,
        request_rate=100.0,
        tokens_per_answer=32,
        loader="tiny_predictor:writing",
    )
    kinds = [
        (load.batch_size, load.tokens_per_answer, load.request_rate) for load in comparison.loads
    ]
    assert kinds == [(1, None, None), (4, 1, None), (8, None, None), (4, None, 100.0)]
    for load in comparison.loads:
        assert len(load.windows) == 12
        passes = [window.answers * (load.tokens_per_answer or 32) for window in load.windows]
        assert load.request_rate or min(passes) >= 20
    reading, production = comparison.loads[1], comparison.loads[3]
    whole = {arm.name: arm.joules_per_answer for arm in comparison.arms}
    assert reading.joules_per_answer["baseline"] < 0.5 * whole["baseline"]
    assert comparison.decode is not None
    for arm, joules in comparison.decode.joules_per_token.items():
        assert joules == pytest.approx((whole[arm] - reading.joules_per_answer[arm]) / 31)
    assert comparison.decode.registered is not None
    assert comparison.decode.registered.ratio < 0.6
    assert production.service.keys() == whole.keys()
    for service in production.service.values():
        assert service.overloaded == (service.latency_p95_ms is None)
    # Waiting for the next request is part of what an answer costs.
    if not production.service["candidate"].overloaded:
        assert production.joules_per_answer["candidate"] > whole["candidate"]
    assert [window.block for window in comparison.idle] == [0, 2]
    watts = idle_watts(comparison.idle)
    assert watts == pytest.approx(CpuTimeMeter(threads=2).info.possible_watts[0], rel=0.2)
    for arm in comparison.arms:
        assert arm.dynamic_joules_per_answer is not None
        assert 0 < arm.dynamic_joules_per_answer < arm.joules_per_answer


def test_a_rate_that_asks_for_next_to_nothing_is_not_waited_for(pair: dict[str, Path]) -> None:
    comparison = quick_compare(pair, request_rate=0.01, blocks=2)
    assert [load.request_rate for load in comparison.loads] == [None]
    (note,) = [check.detail for check in comparison.checks if check.name == "production"]
    assert "0.01 answers per second in requests of 8" in note
    assert "enough of them for a window take 4000 s, more than 30 s" in note


def test_unusable_answers_make_the_comparison_invalid(pair: dict[str, Path]) -> None:
    comparison = quick_compare(pair, loader="tiny_predictor:cut", blocks=2)
    assert not next(check for check in comparison.checks if check.name == "answers").passed
    assert not comparison.valid
    # Nor does it help to say that they passed.
    passed = tuple(check.model_copy(update={"passed": True}) for check in comparison.checks)
    forged = comparison.model_copy(update={"checks": passed})
    assert any("fail answers" in clause for clause in contradictions(forged))


def test_a_dead_worker_is_an_error_and_leaves_no_process(pair: dict[str, Path]) -> None:
    with pytest.raises(WorkerError, match="candidate worker exited 7 while asked to prepare"):
        quick_compare(pair, loader="tiny_predictor:dying")
    for folder in pair.values():
        with pytest.raises(ProcessLookupError):
            os.kill(int((folder / "pid").read_text()), 0)


def test_what_a_client_spends_is_not_said_of_a_model_elsewhere(pair: dict[str, Path]) -> None:
    comparison = quick_compare(pair, elsewhere=True, blocks=2)
    assert {window.cpu_seconds for window in comparison.windows} == {None}
    assert {window.others_cpu_seconds for window in comparison.windows} == {None}
    for arm in comparison.arms:
        assert (arm.cpu_ms_per_answer, arm.peak_rss_bytes, arm.load_seconds) == (None, None, None)
        assert arm.latency_p50_ms > 0
    assert "seen" in {check.name for check in comparison.checks}


class SlowMeter(CpuTimeMeter):
    min_window_seconds = 30.0
    quiet_seconds = 60.0


def test_hours_are_not_taken_unasked(
    pair: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(METER_VARIABLE, raising=False)
    with pytest.raises(InputError, match=r"cpu-time takes 2.7 hours at least. Set LEANSTAGE_METER"):
        quick_compare(pair, meter=SlowMeter(), blocks=10)
    monkeypatch.setenv(METER_VARIABLE, "cpu-time")

    def tell(what: str, _: float) -> None:
        raise InterruptedError(what)

    with pytest.raises(InterruptedError, match=r"cpu-time: 162.5 minutes of windows at least"):
        quick_compare(pair, meter=SlowMeter(), blocks=10, progress=tell)


class BrokenMeter(Meter):
    info = CpuTimeMeter().info

    def begin_window(self) -> None: ...

    def _read_joules(self, usage: Usage) -> float:
        raise MeterError("The counter is gone.")


def test_a_meter_that_fails_is_an_error_and_leaves_no_process(make_variant: MakeVariant) -> None:
    pair = {name: make_variant(name) for name in ("baseline", "fine")}
    arms = {"baseline": pair["baseline"], "candidate": pair["fine"]}
    with pytest.raises(MeterError, match="gone"):
        quick_compare(arms, meter=BrokenMeter(), loader="tiny_predictor:dying")
    for folder in pair.values():
        with pytest.raises(ProcessLookupError):
            os.kill(int((folder / "pid").read_text()), 0)


class DoubtingMeter(CpuTimeMeter):
    def checks(self) -> tuple[Check, ...]:
        return (Check(name="doubt", passed=False, detail="The counter disagrees."),)


def test_what_the_meter_itself_doubts_is_no_evidence(pair: dict[str, Path]) -> None:
    comparison = quick_compare(pair, meter=DoubtingMeter(threads=2), blocks=2)
    assert comparison.checks[-1].name == "doubt"
    assert not comparison.valid


def test_what_cannot_be_compared_is_refused_at_once(tmp_path: Path) -> None:
    arms = {"baseline": tmp_path, "candidate": tmp_path}
    refused: list[tuple[dict[str, Path], dict[str, Any], str]] = [
        ({"candidate": tmp_path}, {}, "no arm called baseline"),
        ({**arms, "control": tmp_path}, {}, "may not be called control"),
        (arms, {"digests": {"baseline": "b" * 64}}, "digests"),
        (arms, {"forms": {"baseline": ("torch", "fp32")}}, "not stated for: candidate"),
        (arms, {"blocks": 1}, "at least 2 blocks"),
        (arms, {"batch_size": 0}, "batch size"),
        (arms, {"request_rate": 0.0}, "above 0 answers per second"),
    ]
    for refused_arms, settings, message in refused:
        with pytest.raises(InputError, match=message):
            quick_compare(refused_arms, **settings)
    with pytest.raises(InputError, match="no texts"):
        compare(
            arms,
            [],
            batch_size=8,
            dataset_sha256="d" * 64,
            digests=SHA256,
            forms={"baseline": ("torch", "fp32"), "candidate": ("torch", "int8")},
        )
