"""Loads beside the judged one, dynamic energy and energy per written token, recomputed."""

from collections.abc import Callable
from typing import Any

import pytest

from leanstage.contracts import EnergyComparison, Idle, Load, Window, idle_watts
from leanstage.energy.arrivals import AtRate
from leanstage.energy.loads import LoadKind, Roles, decode_of, joules_per_answer, load_of
from leanstage.energy.ratios import energy_ratio
from leanstage.gate.measurement import energy_problems
from leanstage.gate.windows import cpu_milliseconds
from tests.gate.conftest import Genuine

TOKENS = 32
SAME = ("candidate", "control")
ROLES = Roles("candidate", "baseline", ["baseline", "baseline-onnxruntime-fp32"])


def scaled(windows: tuple[Window, ...], by: float) -> list[Window]:
    return [window.model_copy(update={"joules": by * window.joules}) for window in windows]


def written(genuine: Genuine) -> EnergyComparison:
    """A comparison of models that write, with every load and idle windows."""
    energy = genuine.energy()
    idle = tuple(
        Idle(block=block, wall_seconds=0.5, cpu_seconds=0.0, joules=0.25 + block / 100)
        for block in (0, 2, 4)
    )
    watts = idle_watts(idle)
    assert watts is not None
    reading = scaled(energy.windows, 0.2)
    stood = {
        arm.name: [AtRate(10.0, 10.0, [4.0, 5.0], 16, 16, None, 0.2, 0.1, 1)] for arm in energy.arms
    }
    stood["baseline"] = [AtRate(10.0, 6.0, [40.0, 90.0], 16, 16, None, 0.3, 0.1, 1)]
    arms = tuple(
        arm.model_copy(
            update={"dynamic_joules_per_answer": arm.joules_per_answer - watts * 1.0 / 40}
        )
        for arm in energy.arms
    )
    return energy.model_copy(
        update={
            "workload": energy.workload.model_copy(update={"tokens_per_answer": TOKENS}),
            "arms": arms,
            "idle": idle,
            "loads": (
                load_of(LoadKind(1), scaled(energy.windows, 1.5), ROLES, {}),
                load_of(LoadKind(8, 1), reading, ROLES, {}),
                load_of(LoadKind(8, request_rate=80.0), scaled(energy.windows, 2.0), ROLES, stood),
            ),
            "decode": decode_of(energy.windows, reading, TOKENS, ROLES),
        }
    )


def problems(genuine: Genuine, energy: EnergyComparison) -> str:
    candidate = genuine.candidate(energy=energy)
    return " ".join(reason.sentence for reason in energy_problems(candidate, genuine.policy))


def load(change: Callable[[Load], dict[str, Any]], number: int = 0) -> Callable[..., Any]:
    def spoil(energy: EnergyComparison) -> dict[str, Any]:
        loads = list(energy.loads)
        loads[number] = loads[number].model_copy(update=change(loads[number]))
        return {"loads": tuple(loads)}

    return spoil


def service(arm: str, **update: Any) -> Callable[..., Any]:
    return load(
        lambda one: {
            "service": {**one.service, arm: one.service[arm].model_copy(update=update)},
        },
        2,
    )


def arm(name: str, **update: Any) -> Callable[[EnergyComparison], dict[str, Any]]:
    def spoil(energy: EnergyComparison) -> dict[str, Any]:
        arms = (
            each.model_copy(update=update) if each.name == name else each for each in energy.arms
        )
        return {"arms": tuple(arms)}

    return spoil


def decode(**update: Any) -> Callable[[EnergyComparison], dict[str, Any]]:
    def spoil(energy: EnergyComparison) -> dict[str, Any]:
        assert energy.decode is not None
        return {"decode": energy.decode.model_copy(update=update)}

    return spoil


def ratio(energy: EnergyComparison, **update: Any) -> Any:
    return energy.registered.model_copy(update=update)


def meter(**update: Any) -> Callable[[EnergyComparison], dict[str, Any]]:
    return lambda energy: {"meter": energy.meter.model_copy(update=update)}


SPOILED: dict[str, tuple[str, Callable[[EnergyComparison], dict[str, Any]]]] = {
    "energy at another load": (
        "in batches of 1 are not those of its windows",
        load(lambda one: {"joules_per_answer": {**one.joules_per_answer, "candidate": 0.01}}),
    ),
    "ratio at another load": (
        "in batches of 1 is stated as 0.1",
        load(lambda one: {"registered": one.registered.model_copy(update={"ratio": 0.1})}),
    ),
    "a weaker form at another load": (
        "baseline is not the strongest unoptimized form in batches of 1",
        load(lambda one: {"strongest": one.registered}),
    ),
    "no windows at another load": (
        "not one for each arm and block",
        load(lambda one: {"windows": ()}),
    ),
    "a window twice at another load": (
        "not one for each arm and block",
        load(lambda one: {"windows": (*one.windows, one.windows[0])}),
    ),
    "another pair at another load": (
        "not of one candidate",
        load(lambda one: {"registered": one.registered.model_copy(update={"arm": "control"})}),
    ),
    "energy per written token": (
        "per written token are not those of its windows",
        decode(joules_per_token={"baseline": 1.0, "candidate": 0.01}),
    ),
    "ratio per written token": (
        "per written token is stated as",
        lambda energy: decode(registered=ratio(energy, ratio=0.01))(energy),
    ),
    "no windows of reading": (
        "has no windows of reading alone",
        lambda energy: {"loads": energy.loads[:1]},
    ),
    "dynamic energy": (
        "the dynamic energy of candidate is not that of its windows",
        arm("candidate", dynamic_joules_per_answer=1e-6),
    ),
    "processor time": (
        "the processor time of candidate is not that of its windows",
        arm("candidate", cpu_ms_per_answer=0.1),
    ),
    "processor time left out": (
        "the processor time of candidate is not",
        arm("candidate", cpu_ms_per_answer=None),
    ),
    "a load twice": (
        "a load stands in it twice",
        lambda energy: {"loads": (*energy.loads, energy.loads[1])},
    ),
    "the judged load once more": (
        "a load stands in it twice",
        load(lambda one: {"batch_size": 8}),
    ),
    "blocks left out at another load": (
        "in batches of 1 are not one for each arm and block",
        load(lambda one: {"windows": tuple(each for each in one.windows if each.block)}),
    ),
    "the written ratio of another arm": (
        "per written token are not of one candidate",
        lambda energy: decode(
            registered=None,
            strongest=energy.control.model_copy(
                update={"against": energy.strongest.against, "arm": "control"}
            ),
        )(energy),
    ),
    "the written ratio left out": (
        "the ratio per written token is left out",
        decode(registered=None),
    ),
    "written tokens left out": (
        "the energy per written token is left out",
        lambda energy: {"decode": None},
    ),
    "one that did not keep up": (
        "baseline is said to have kept up in batches of 8 at 80 answers per second and did not",
        service("baseline", overloaded=False, latency_p50_ms=1.0, latency_p95_ms=2.0),
    ),
    "latencies under overload": (
        "the latencies of baseline",
        service("baseline", latency_p95_ms=2.0),
    ),
    "no latencies": ("the latencies of candidate", service("candidate", latency_p95_ms=None)),
    "a rate that nobody stood": ("how each form stood", load(lambda _: {"service": {}}, 2)),
    "an estimate that is called measured": (
        "the meter cpu-time is called measured, and what it reads is estimated",
        meter(name="cpu-time"),
    ),
    "dynamic energy without a rest": ("the dynamic energy", lambda energy: {"idle": ()}),
}


def test_what_the_measurement_computes_the_gate_computes_too(genuine: Genuine) -> None:
    assert problems(genuine, written(genuine)) == ""


@pytest.mark.parametrize("what", SPOILED)
def test_a_figure_that_does_not_follow_from_its_windows_is_found(
    genuine: Genuine, what: str
) -> None:
    said, spoil = SPOILED[what]
    energy = written(genuine)
    assert said in problems(genuine, energy.model_copy(update=spoil(energy)))


def remade(genuine: Genuine, change: Callable[[Window], dict[str, Any]]) -> EnergyComparison:
    """With other windows, and every ratio and mean that follows from them."""
    energy = genuine.energy()
    windows = [window.model_copy(update=change(window)) for window in energy.windows]
    joules = joules_per_answer(windows)
    arms = [
        each.model_copy(
            update={
                "joules_per_answer": joules[each.name],
                "wh_per_1000": joules[each.name] / 3.6,
                "cpu_ms_per_answer": cpu_milliseconds(windows, each.name),
            }
        )
        for each in energy.arms
    ]
    ratios = {
        name: energy_ratio(windows, stated.arm, stated.against)
        for name in ("registered", "strongest", "control")
        for stated in [getattr(energy, name)]
    }
    return energy.model_copy(update={"windows": tuple(windows), "arms": tuple(arms), **ratios})


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("control", lambda one: {"joules": one.joules * (1.3 if one.arm == "control" else 1)}),
        (
            "steady",
            lambda one: {
                "joules": one.joules * (0.6 if one.arm in SAME and one.block > 4 else 1),
            },
        ),
        ("cpu-time", lambda _: {"cpu_seconds": 3.0}),
        ("co-tenants", lambda one: {"others_cpu_seconds": 0.5 * (one.block == 3)}),
        (
            "seen",
            lambda one: {
                "cpu_seconds": None,
                "joules": one.joules * (0.1 if one.arm in SAME else 1),
            },
        ),
    ],
)
def test_a_check_that_its_windows_fail_was_not_passed(
    genuine: Genuine, what: str, change: Callable[[Window], dict[str, Any]]
) -> None:
    assert problems(genuine, remade(genuine, lambda _: {})) == ""
    energy = remade(genuine, change)
    assert energy.valid
    said = f"every check is said to have passed, and its windows fail {what} ("
    assert said in problems(genuine, energy)


def test_a_block_that_was_left_out_is_missed(genuine: Genuine) -> None:
    energy = remade(genuine, lambda one: {"block": one.block + (one.block > 3)})
    assert "a block is missing from it" in problems(genuine, energy)
