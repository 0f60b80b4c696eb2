"""Trainings run in bfloat16 where that is faster, which the processor's flags do not tell."""

import pytest
import torch

from leanstage.errors import InputError
from leanstage.techniques import precision
from leanstage.techniques.precision import bf16_is_faster, mixed_precision


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEANSTAGE_BF16", raising=False)


@pytest.mark.parametrize(
    ("native", "gain", "faster"),
    [(True, 2.1, True), (True, 1.1, False), (True, 0.54, False), (False, 2.1, False)],
)
def test_a_processor_has_to_be_faster_in_it(
    native: bool, gain: float, faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "supports_bf16", lambda: native)
    monkeypatch.setattr(precision, "_gain", lambda: gain)
    assert bf16_is_faster("cpu") is faster
    with mixed_precision("cpu"):
        given = torch.ones(2, 2) @ torch.ones(2, 2)
    assert (given.dtype == torch.bfloat16) is faster


def test_the_gain_is_how_much_longer_float32_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a clock on which products in bfloat16 take twice as long."""
    now, true_product = [0.0], torch.Tensor.__matmul__

    def product(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        now[0] += 2.0 if first.dtype == torch.bfloat16 else 1.0
        return true_product(first, second)

    monkeypatch.setattr(torch.Tensor, "__matmul__", product)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: now[0])
    assert precision._gain.__wrapped__() == pytest.approx(0.5)


def test_a_real_gain_is_measured_once() -> None:
    first = precision._gain()
    assert first > 0
    assert precision._gain() == first


@pytest.mark.parametrize(("told", "faster"), [("0", False), ("1", True)])
def test_whoever_says_so_decides(told: str, faster: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANSTAGE_BF16", told)
    assert bf16_is_faster("cpu") is faster
    assert bf16_is_faster("cuda") is faster


def test_another_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANSTAGE_BF16", "yes")
    with pytest.raises(InputError, match=r"^LEANSTAGE_BF16 is 'yes'; set it to 0 or 1"):
        bf16_is_faster("cpu")
