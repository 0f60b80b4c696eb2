"""The measurement: every form against float32 under PyTorch, interleaved, on this machine."""

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from leanstage.calibrate.shapes import Shape, texts, write_model
from leanstage.contracts import Calibration, Form, Gain, HardwareProfile
from leanstage.energy.parent import WORKER_ENVIRONMENT
from leanstage.energy.ratios import paired_ratio
from leanstage.techniques.cost import costs_by_turn
from leanstage.variant import Predictor
from leanstage.variant.hardware import device_type, hardware_profile

Progress = Callable[[str, float], None]

REFERENCE = "torch-fp32"
SHAPES = ("6x384", "12x768")
UNITS = {
    "cpu": "CPU-seconds per answer, all threads of the process",
    "cuda": "seconds per answer that the GPU is held, synchronised",
}
_CLOCKS = {"cpu": time.process_time, "cuda": time.perf_counter}
_BATCHES = {"cpu": (1, 8), "cuda": (1, 8, 32)}
_PACKAGES = (
    "torch", "transformers", "onnxruntime", "openvino", "nncf", "bitsandbytes", "torchao",
)  # fmt: skip
SLOWEST = 15.0
"""Seconds of one batch, beyond which a form that takes longer than the reference is left out, so
that a calibration comes to an end."""
_BUILD = 0.3
"""Share of the time that making the forms takes, for the progress alone."""


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: turns of each form, which the interval rests on.
        seconds: least length of a turn.
        shapes: of the models, unless others are asked for.
    """

    rounds: int
    seconds: float
    shapes: tuple[str, ...]


FULL = Effort(rounds=9, seconds=0.3, shapes=SHAPES)
QUICK = Effort(rounds=5, seconds=0.1, shapes=SHAPES[:1])


def calibrate(
    *,
    name: str = "",
    shapes: Sequence[str] = (),
    quick: bool = False,
    labels: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> HardwareProfile:
    """Measure what each form gains on this machine.

    All forms of a shape answer in turn, in several rounds; the ratio is that of each round to the
    reference in the same round. A form that cannot be had here is a gain with an ``error``.

    Args:
        name: what policies and runs call the profile.
        shapes: such as ``6x384``; empty takes those of the effort.
        quick: fewer and shorter turns, on the small shape alone.
        labels: Kubernetes labels of this node.
        progress: told what is done and the share done so far, in [0, 1].

    Raises:
        InputError: a shape that cannot be measured.
    """
    began = time.monotonic()
    # As the energy measurement has it; of use where PyTorch is not loaded yet.
    for variable, value in WORKER_ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    effort = QUICK if quick else FULL
    asked = [Shape.parse(text) for text in shapes or effort.shapes]
    device = device_type()
    gains: list[Gain] = []
    for number, shape in enumerate(asked):
        with tempfile.TemporaryDirectory(prefix="leanstage-calibrate-") as scratch:
            steps = _Steps(progress, number / len(asked), 1 / len(asked))
            gains += _measure(shape, Path(scratch), device, effort, steps)
    calibration = Calibration(
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
        unit=UNITS[device],
        versions=_versions(),
        seconds=time.monotonic() - began,
        gains=tuple(gains),
    )
    return hardware_profile().model_copy(
        update={"name": name, "labels": dict(labels or {}), "calibration": calibration}
    )


class _Steps:
    """Places the steps of one shape in the progress of the whole."""

    def __init__(self, progress: Progress | None, start: float, share: float) -> None:
        self._progress, self._start, self._share = progress, start, share

    def say(self, what: str, fraction: float) -> None:
        if self._progress is not None:
            self._progress(what, self._start + self._share * fraction)


def _measure(shape: Shape, scratch: Path, device: str, effort: Effort, steps: _Steps) -> list[Gain]:
    """The gains of one shape; forms that fail stay out of the turns of the others."""
    from leanstage.calibrate.forms import FORMS
    from leanstage.variant import load_predictor

    steps.say(f"{shape}: making the model", 0.0)
    source = write_model(shape, scratch / "model")
    made: dict[str, Predictor] = {REFERENCE: load_predictor(source.path)}
    errors: dict[Form, str] = {}
    for number, (form, tried) in enumerate(FORMS.items()):
        steps.say(f"{shape}: making {form}", _BUILD * number / len(FORMS))
        try:
            made[form] = tried(shape, source, scratch / form.replace(":", "-"))
        except Exception as error:  # whatever a library raises is why its form is not to be had
            errors[form] = _sentence(error)
    asked, gains = texts(), []
    batches = _BATCHES[device]
    for place, batch_size in enumerate(batches):
        start = _BUILD + (1 - _BUILD) * place / len(batches)
        failed = errors | _failures(made, asked[:batch_size])
        costs = costs_by_turn(
            {name: predictor for name, predictor in made.items() if name not in failed},
            asked,
            batch_size=batch_size,
            rounds=effort.rounds,
            seconds_per_turn=effort.seconds,
            clock=_CLOCKS[device],
            progress=lambda done, start=start, size=batch_size: steps.say(  # type: ignore[misc]
                f"{shape}: batches of {size}, round {done + 1} of {effort.rounds}",
                start + (1 - _BUILD) / len(batches) * done / effort.rounds,
            ),
        )
        gains += [_gain(form, shape, batch_size, costs, failed) for form in FORMS]
    return gains


def _failures(made: Mapping[str, Predictor], batch: Sequence[str]) -> dict[Form, str]:
    """Forms that load but do not answer, or not in time; without the reference there is nothing."""
    found: dict[Form, str] = {}
    longest = SLOWEST
    for name, predictor in made.items():  # the reference is the first
        began = time.monotonic()
        try:
            predictor.predict(batch)
            seconds = time.monotonic() - began
            if name == REFERENCE:
                longest = max(longest, seconds)
            elif seconds > longest:
                found[name] = (  # type: ignore[index]
                    f"A batch took {seconds:.0f} s, more than the {longest:.0f} s it may take."
                )
        except Exception as error:  # as above
            if name == REFERENCE:
                raise
            found[name] = _sentence(error)  # type: ignore[index]
    return found


def _gain(
    form: Form,
    shape: Shape,
    batch_size: int,
    costs: Mapping[str, Sequence[float]],
    failed: Mapping[Form, str],
) -> Gain:
    where = {"form": form, "shape": str(shape), "batch_size": batch_size}
    if form in failed:
        return Gain(**where, error=failed[form])  # type: ignore[arg-type]
    ratio, ci95 = paired_ratio(costs[form], costs[REFERENCE])
    return Gain(**where, ratio=ratio, ci95=ci95)  # type: ignore[arg-type]


def _sentence(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0].rstrip(".")
    return f"{first or type(error).__name__}."


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
