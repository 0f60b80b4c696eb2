"""What calibration says about a model: the gains measured nearest to it, and what they show."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from leanstage.contracts import Calibration, Form, Gain

Gains = Mapping[Form, Gain]
"""By form, the one that was measured nearest to the model and its load."""

LEAST_SAVING = 0.05
"""A form gains where it is shown to save at least this share, as in ``QuantizeSettings``."""
SHAPE_FACTOR = 2.0
"""Depth and hidden size may each be this many times larger or smaller than those measured."""
BATCH_FACTOR = 3.0
"""The batch size may be this many times larger or smaller."""
DENSE: Form = "torch-bf16"
SPARSE: tuple[Form, ...] = ("sparsity-unstructured", "sparsity-2:4")


def nearest(
    calibration: Calibration | None, *, layers: int, hidden_size: int, batch_size: int
) -> Gains:
    """Of every form, the gain of the nearest shape and batch size that is comparable.

    Near is what differs by the smallest factors: the distance is the sum of the logarithms of
    those of depth, hidden size and batch size; at the same one, the smaller shape counts. What
    could not be measured counts only where nothing of its form could.
    """
    found: dict[Form, tuple[tuple[float, ...], Gain]] = {}
    for gain in calibration.gains if calibration is not None else ():
        depth, hidden = shape_of(gain)
        apart = [
            _apart(layers, depth, SHAPE_FACTOR),
            _apart(hidden_size, hidden, SHAPE_FACTOR),
            _apart(batch_size, gain.batch_size, BATCH_FACTOR),
        ]
        rank = (gain.ratio is None, sum(apart), depth, hidden, gain.batch_size)
        if math.isfinite(rank[1]) and (gain.form not in found or rank < found[gain.form][0]):
            found[gain.form] = (rank, gain)
    return {form: gain for form, (_, gain) in found.items()}


def shape_of(gain: Gain) -> tuple[int, int]:
    """Layers and hidden size of the model that was measured."""
    layers, _, hidden_size = gain.shape.partition("x")
    return int(layers), int(hidden_size)


def measured_facts(gains: Gains) -> dict[str, Any]:
    """The facts of the tree that calibration tells: forms tried, shown to gain, shown not to.

    A sparse model is held against the cheapest dense one, since kernels for sparsity compute in
    bfloat16 too; any other form against float32.
    """
    measured = {form: gain for form, gain in gains.items() if gain.ratio is not None}
    return {
        "tried_forms": tuple(gains),
        "gaining_forms": tuple(form for form in measured if _gains(form, measured)),
        "gainless_forms": tuple(form for form in measured if _is_gainless(form, measured)),
    }


def by_measurement(backends: Iterable[Form], gains: Gains) -> tuple[Form, ...]:
    """Backends as calibration orders them: cheapest first, without those shown not to gain.

    Those that it could not measure are left out too, and those that it did not try follow in the
    order that they came in.
    """
    measured = {form: gain for form, gain in gains.items() if gain.ratio is not None}
    kept = [
        form
        for form in backends
        if form not in gains or (form in measured and not _is_gainless(form, measured))
    ]
    return tuple(
        sorted(kept, key=lambda form: _ratio(measured[form]) if form in measured else math.inf)
    )


def _gains(form: Form, measured: Gains) -> bool:
    return _bounds(measured[form])[1] <= (1 - LEAST_SAVING) * _yardstick(form, measured, 0)


def _is_gainless(form: Form, measured: Gains) -> bool:
    return _bounds(measured[form])[0] > (1 - LEAST_SAVING) * _yardstick(form, measured, 1)


def _yardstick(form: Form, measured: Gains, bound: int) -> float:
    """What a form has to cost less than: 1, or a bound of the cheapest dense form."""
    if form in SPARSE and DENSE in measured:
        return min(1.0, _bounds(measured[DENSE])[bound])
    return 1.0


def _bounds(gain: Gain) -> tuple[float, float]:
    return gain.ci95 or (_ratio(gain), _ratio(gain))


def _ratio(gain: Gain) -> float:
    assert gain.ratio is not None
    return gain.ratio


def _apart(value: int, other: int, factor: float) -> float:
    """The logarithm of the factor between two numbers; infinite beyond ``factor``."""
    apart = abs(math.log(value / other))
    return apart if apart <= math.log(factor) * (1 + 1e-9) else math.inf
