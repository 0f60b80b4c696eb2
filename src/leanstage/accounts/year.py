"""The energy of one model form over a year: of its answers, and of replicas that wait."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from leanstage.accounts.capacity import Service, replicas_for
from leanstage.accounts.units import Range, between, figure
from leanstage.contracts import (
    Arm,
    EnergyComparison,
    Interval,
    Ratio,
    Setting,
    idle_watts,
)
from leanstage.errors import InputError


@dataclass(frozen=True)
class Corner:
    """One end of each figure that moves every form alike.

    Attributes:
        scale: true joules over those stated by the meter.
        answers: of the year.
        watts: of a replica that waits, true.
    """

    scale: float
    answers: Range
    watts: Range


@dataclass(frozen=True)
class Form:
    """One measured model form as it serves.

    Attributes:
        joules: an answer, as the meter states it, one request at a time.
        service: the time that an answer takes.
        replicas: as many as run.
    """

    name: str
    joules: float
    service: Service
    replicas: int

    def energy(self, corner: Corner, year: Range) -> Range:
        """Of its computers over a year."""
        busy = corner.answers * figure(self.service.mean_seconds, "second/answer")
        waiting = year * self.replicas + busy * -1.0
        each = figure(self.joules * corner.scale, "joule/answer")
        return corner.answers * each + waiting * corner.watts

    def busy(self, corner: Corner, year: Range) -> float:
        """Share of their time that its replicas answer."""
        busy = corner.answers * figure(self.service.mean_seconds, "second/answer")
        return (busy / (year * self.replicas)).to("")[0]


@dataclass(frozen=True)
class Serving:
    """What serves for a year, and where."""

    energy: EnergyComparison
    setting: Setting

    @property
    def year(self) -> Range:
        """The length of the year."""
        return figure(366 if calendar.isleap(self.setting.year) else 365, "day")

    @property
    def answers(self) -> Range:
        """Of the year."""
        stated = self.setting.answers_per_year
        return between(stated.low, stated.high, "answer")

    @property
    def watts(self) -> Interval:
        """Power of a replica that waits, true; stated, or else as it was measured.

        Raises:
            InputError: neither.
        """
        stated = self.setting.replica.idle_watts
        if stated is not None:
            return stated.low, stated.high
        measured = idle_watts(self.energy.idle)
        if measured is None:
            raise InputError(
                "The energy comparison holds no idle power; state replica.idle_watts in the "
                "setting, or measure again."
            )
        low, high = self.scale
        return measured * low, measured * high

    @property
    def scale(self) -> Interval:
        """True joules over those that the meter states."""
        return self.energy.meter.scale or (1.0, 1.0)

    def corners(self) -> Iterator[Corner]:
        """Every end with every other; idle power that the meter measured moves with its scale.

        Ends of two figures that cannot both be true are brought together: a replica that waits
        draws no more than one that answers.

        Raises:
            InputError: as stated, it does.
        """
        stated = self.setting.replica.idle_watts is not None
        least = self._least_watts()
        if stated and self.watts[0] > least * self.scale[1]:
            raise InputError(
                f"replica.idle_watts is {self.watts[0]:g} W, and one that answers draws "
                f"{least * self.scale[1]:.3g} W at most by {self.energy.meter.name}; state it "
                f"within the meter's boundary: {self.energy.meter.boundary}."
            )
        both = product if stated else zip
        for (scale, watts), answers in product(both(self.scale, self.watts), self.answers.ends):
            possible = min(watts, least * scale)
            yield Corner(scale, figure(answers, "answer"), figure(possible, "watt"))

    def _least_watts(self) -> float:
        """Mean power of the form that draws least while it answers, as the meter states it."""
        joules, _ = one_at_a_time(self.energy)
        return min(joules[arm.name] / _service(arm).mean_seconds for arm in self.energy.arms)

    def form(self, name: str) -> Form:
        """The form ``name`` with as many replicas as run, or as the objective takes.

        Raises:
            InputError: it was not measured one request at a time, or cannot keep up.
        """
        joules, _ = one_at_a_time(self.energy)
        # The control is the candidate once more, which serves under its own name.
        forms = [arm for arm in joules if arm != self.energy.control.arm]
        if name not in forms:
            raise InputError(
                f"No form {name!r} that could serve was measured; there are {', '.join(forms)}."
            )
        service = _service(self.energy.arm(name))
        objective = self.setting.objective
        if self.setting.replicas is not None:
            replicas = self.setting.replicas
        elif objective is not None:
            mean = (self.answers / self.year).to("answer/second")[0]
            replicas = replicas_for(name, objective, service, mean)
        found = Form(name, joules[name], service, replicas)
        busiest = max(found.busy(corner, self.year) for corner in self.corners())
        if busiest > 1:
            raise InputError(
                f"{replicas} replicas of {name} would answer {busiest:.0%} of their time to give "
                "as many answers; state more, or an objective."
            )
        return found


def _service(arm: Arm) -> Service:
    return Service.through(arm.latency_p50_ms / 1e3, arm.latency_p95_ms / 1e3)


def one_at_a_time(energy: EnergyComparison) -> tuple[dict[str, float], Ratio]:
    """Joules an answer by form, and the ratio to the baseline as registered, of single requests.

    Raises:
        InputError: that load was not measured.
    """
    if energy.workload.batch_size == 1:
        return {arm.name: arm.joules_per_answer for arm in energy.arms}, energy.registered
    for load in energy.loads:
        # At a rate the machine waits in between, and the waiting is counted here by itself.
        if (load.batch_size, load.tokens_per_answer, load.request_rate) == (1, None, None):
            return load.joules_per_answer, load.registered
    raise InputError(
        "The energy comparison holds no load of one request at a time, which is how replicas "
        "answer; measure again with this release."
    )
