"""What calibration measured: which of it is near enough, and what it shows."""

from typing import Any

import pytest
from pydantic import ValidationError

from leanstage.contracts import Calibration, Form, Gain
from leanstage.plan.measured import by_measurement, measured_facts, nearest
from leanstage.plan.words import gain_in_words
from tests.plan.cases import gain


def calibration(*gains: Gain) -> Calibration:
    return Calibration(
        measured="2026-11-26T10:00:00+00:00",
        unit="CPU-seconds per answer",
        versions={"torch": "2.13.0"},
        seconds=60.0,
        gains=gains,
    )


def shape_near(layers: int, hidden_size: int, batch_size: int, *gains: Gain) -> str | None:
    found = nearest(
        calibration(*gains), layers=layers, hidden_size=hidden_size, batch_size=batch_size
    )
    near = found.get("torch-bf16")
    return None if near is None else f"{near.shape} {near.batch_size}"


SMALL, LARGE = (gain("torch-bf16", 0.2, shape=shape) for shape in ("6x384", "12x768"))


@pytest.mark.parametrize(
    ("layers", "hidden_size", "shape"),
    [
        (6, 384, "6x384 8"),
        (12, 768, "12x768 8"),
        (3, 384, "6x384 8"),
        (6, 768, "6x384 8"),
        (9, 768, "12x768 8"),
        (2, 384, None),
        (6, 128, None),
        (24, 1024, "12x768 8"),
        (25, 1024, None),
        (12, 4096, None),
    ],
)
def test_the_nearest_shape_within_a_factor_of_two_counts(
    layers: int, hidden_size: int, shape: str | None
) -> None:
    assert shape_near(layers, hidden_size, 8, SMALL, LARGE) == shape
    assert shape_near(layers, hidden_size, 8, LARGE, SMALL) == shape


@pytest.mark.parametrize(
    ("batch_size", "near"),
    [(1, "6x384 1"), (2, "6x384 1"), (3, "6x384 8"), (8, "6x384 8"), (24, "6x384 8"), (25, None)],
)
def test_and_the_nearest_batch_size_within_a_factor_of_three(
    batch_size: int, near: str | None
) -> None:
    one = gain("torch-bf16", 0.5, batch_size=1)
    assert shape_near(6, 384, batch_size, SMALL, one) == near


def test_what_failed_nearby_hides_no_measurement() -> None:
    failed = Gain(form="torch-bf16", shape="3x384", batch_size=8, error="No kernel.")
    for gains in ((failed, SMALL), (SMALL, failed)):
        assert shape_near(3, 384, 8, *gains) == "6x384 8"
    assert shape_near(3, 384, 8, failed, LARGE) == "3x384 8"


def test_without_a_calibration_nothing_is_near() -> None:
    assert nearest(None, layers=6, hidden_size=384, batch_size=8) == {}


HALF = {"form": "half-depth", "shape": "6x384", "batch_size": 8, "ratio": 0.5}
NO_GAIN: dict[str, tuple[dict[str, Any], str]] = {
    "upside down": ({"ratio": 1.0, "ci95": (5, 0.1)}, "'ci95' .* must hold its ratio"),
    "below nothing": ({"ci95": (-3, -2)}, "'ci95' .* must hold its ratio"),
    "from nothing": ({"ci95": (0, 0.6)}, "'ci95' .* must hold its ratio"),
    "elsewhere": ({"ci95": (0.6, 0.7)}, "'ci95' .* must hold its ratio"),
    "of nothing": ({"ratio": None, "error": "No.", "ci95": (1, 2)}, "'ci95' .* must hold"),
    "neither": ({"ratio": None}, "needs either 'ratio' or 'error'"),
    "both": ({"error": "No."}, "needs either 'ratio' or 'error'"),
    "of no shape": ({"shape": "tiny"}, "shape"),
    "of no layers": ({"shape": "0x384"}, "shape"),
    "of more than is": ({"shape": "9" * 400 + "x384"}, "shape"),
    "in no batch": ({"batch_size": 10**400}, "batch_size"),
}


@pytest.mark.parametrize("case", NO_GAIN)
def test_what_cannot_have_been_measured_is_no_gain(case: str) -> None:
    changes, sentence = NO_GAIN[case]
    assert Gain.model_validate(HALF | {"ci95": (0.4, 0.5)}).ratio == 0.5
    with pytest.raises(ValidationError, match=sentence):
        Gain.model_validate(HALF | changes)


def facts(*gains: Gain) -> dict[str, set[str]]:
    found = measured_facts({each.form: each for each in gains})
    return {name: set(forms) for name, forms in found.items()}


@pytest.mark.parametrize(
    ("low", "high", "gains", "gainless"),
    [
        (0.50, 0.60, True, False),
        (0.90, 0.95, True, False),
        (0.90, 0.96, False, False),
        (0.94, 1.10, False, False),
        (0.96, 1.10, False, True),
        (3.00, 3.50, False, True),
    ],
)
def test_the_whole_interval_has_to_show_it(
    low: float, high: float, gains: bool, gainless: bool
) -> None:
    found = facts(gain("half-depth", low, high))
    assert found["tried_forms"] == {"half-depth"}
    assert ("half-depth" in found["gaining_forms"]) == gains
    assert ("half-depth" in found["gainless_forms"]) == gainless


def test_sparsity_has_to_gain_over_the_cheapest_dense_form() -> None:
    dense = gain("torch-bf16", 0.30, 0.32)
    for sparse in (gain("sparsity-2:4", 0.31, 0.33), gain("sparsity-unstructured", 0.98, 1.02)):
        assert sparse.form in facts(dense, sparse)["gainless_forms"]
    assert "sparsity-2:4" in facts(dense, gain("sparsity-2:4", 0.20, 0.22))["gaining_forms"]
    assert "sparsity-2:4" in facts(gain("sparsity-2:4", 0.20, 0.22))["gaining_forms"]


def test_what_failed_shows_nothing() -> None:
    failed = Gain(form="bitsandbytes-nf4", shape="6x384", batch_size=8, error="No kernel.")
    assert facts(failed) == {
        "tried_forms": {"bitsandbytes-nf4"},
        "gaining_forms": set(),
        "gainless_forms": set(),
    }
    assert by_measurement(("bitsandbytes-nf4",), {"bitsandbytes-nf4": failed}) == ()
    assert gain_in_words(failed) == (
        "bitsandbytes-nf4 could not be measured at 6x384, batches of 8: No kernel."
    )


def test_backends_come_cheapest_first_and_the_unmeasured_after_them() -> None:
    order: tuple[Form, ...] = ("onnxruntime-int8", "bitsandbytes-int8", "torch-bf16", "half-depth")
    gains = [gain("torch-bf16", 0.2), gain("bitsandbytes-int8", 3.0), gain("half-depth", 0.5)]
    measured = {each.form: each for each in gains}
    assert by_measurement(order, measured) == ("torch-bf16", "half-depth", "onnxruntime-int8")
    assert by_measurement(order, {}) == order


def test_a_measurement_in_words_names_figure_interval_and_place() -> None:
    assert gain_in_words(gain("torch-bf16", 0.2, 0.24)) == (
        "torch-bf16 costs 0.22 (95% CI 0.20 to 0.24) of float32 under PyTorch, measured at 6x384, "
        "batches of 8."
    )
