"""Loads beside the judged one, dynamic energy and energy per written token, recomputed."""

from collections.abc import Callable
from typing import Any

import pytest

from leanstage.contracts import EnergyComparison, Idle, Load, Window, idle_watts
from leanstage.energy.loads import LoadKind, Roles, decode_of, load_of
from leanstage.gate.measurement import energy_problems
from tests.gate.conftest import Genuine

TOKENS = 32
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


def decode(**update: Any) -> Callable[[EnergyComparison], dict[str, Any]]:
    def spoil(energy: EnergyComparison) -> dict[str, Any]:
        assert energy.decode is not None
        return {"decode": energy.decode.model_copy(update=update)}

    return spoil


def ratio(energy: EnergyComparison, **update: Any) -> Any:
    return energy.registered.model_copy(update=update)


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
        lambda energy: {
            "arms": tuple(
                arm.model_copy(update={"dynamic_joules_per_answer": 1e-6})
                if arm.name == "candidate"
                else arm
                for arm in energy.arms
            )
        },
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
