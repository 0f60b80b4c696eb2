"""Mistakes of Pruna."""

from typing import Any

import numpy as np
import pytest
import torch

from leanstage.contracts import QuantizeBackend
from leanstage.energy.meters import CpuTimeMeter, Meter, MeterError, Usage
from leanstage.gate import decide
from leanstage.quantize.backends import BACKENDS
from leanstage.variant import Variant, load_predictor
from leanstage.variant.digest import regular_files


class OnTheWay:
    """Logits of which the device may still be computing, until they are asked for on the host."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.arrived = False

    def float(self) -> "OnTheWay":
        return self

    def cpu(self) -> torch.Tensor:
        self.arrived = True
        return torch.zeros(self.rows, 2)


def test_a_call_does_not_end_before_the_device_has_answered(
    baseline: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window of energy ends when a call does, so a call has to wait for the GPU."""
    predictor: Any = load_predictor(baseline.path)
    pending: list[OnTheWay] = []

    def model(*, input_ids: torch.Tensor, **_: Any) -> Any:
        pending.append(OnTheWay(len(input_ids)))
        return type("Answer", (), {"logits": pending[-1]})

    monkeypatch.setattr(predictor, "_model", model)
    answers = predictor.predict(["a film", "a quiet story"])
    assert pending
    assert all(logits.arrived for logits in pending)
    assert isinstance(answers, np.ndarray)


class Failing(Meter):
    info = CpuTimeMeter(threads=1).info

    def begin_window(self) -> None: ...

    def _read_joules(self, usage: Usage) -> float:
        raise MeterError("The counter is gone.")


class Silent(Failing):
    def _read_joules(self, usage: Usage) -> float:
        return 0.0


@pytest.mark.parametrize("meter", [Failing(), Silent()])
def test_a_meter_that_fails_does_not_read_as_zero_energy(meter: Meter) -> None:
    """No reading is an error; zero is no reading."""
    meter.begin_window()
    with pytest.raises(MeterError):
        meter.end_window(Usage(1.0, 1.0))


def test_energy_of_zero_is_no_saving(genuine: Any, spoiled: Any) -> None:
    """Evidence of a model that answers for nothing promotes nothing."""
    energy = spoiled.put(genuine.energy(), ("arms", 1, "joules_per_answer"), 0.0)
    decision = decide(genuine.evidence(genuine.candidate(energy=energy)), genuine.policy)
    assert decision.verdict == "BLOCKED"


@pytest.mark.parametrize(
    "name", ["onnxruntime-int8", "torch-bf16", "bitsandbytes-int8", "torchao-int8"]
)
def test_the_saved_folder_does_not_hold_the_weights_from_before(
    name: QuantizeBackend, baseline: Variant
) -> None:
    """What is stored, and not what a config says of it, has shrunk."""
    reason = BACKENDS[name].refusal(baseline, ("a",))
    if reason is not None:
        assert name.startswith(("torch", "openvino-bf16")), reason
        pytest.skip(reason)
    made = BACKENDS[name](baseline, baseline.path.parent / name)
    stored = sum(
        path.stat().st_size
        for file, path in regular_files(made.path)
        if file.endswith((".safetensors", ".onnx"))
    )
    assert 0 < stored < 0.75 * (baseline.path / "model.safetensors").stat().st_size
