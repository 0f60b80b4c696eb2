from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from leanstage.calibrate.shapes import Shape, write_model
from leanstage.energy.meters import CpuTimeMeter, MeterError
from leanstage.energy.step import measure
from leanstage.variant.forms import unoptimized_forms


@pytest.mark.parametrize(
    ("runtime", "reason"), [("torch", "no meter reads its energy"), ("onnxruntime", "onnxruntime")]
)
def test_energy_that_no_meter_sees_is_no_measurement(
    monkeypatch: pytest.MonkeyPatch, runtime: str, reason: str
) -> None:
    monkeypatch.setattr("leanstage.energy.step.device_type", lambda: "cuda")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    baseline: Any = SimpleNamespace(manifest=SimpleNamespace(runtime="torch"))
    candidate: Any = SimpleNamespace(manifest=SimpleNamespace(runtime=runtime))
    nothing: Any = None
    with pytest.raises(MeterError, match=reason) as refusal:
        measure(baseline, candidate, nothing, batch_size=8, blocks=4, window_seconds=0.5)
    assert "set CUDA_VISIBLE_DEVICES to nothing" in str(refusal.value)


def test_forms_on_a_gpu_are_those_that_answer_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("leanstage.variant.hardware.device_type", lambda: "cuda")
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **_: True)
    baseline = write_model(Shape(2, 64, 128), tmp_path / "baseline")
    (form,) = unoptimized_forms(baseline, tmp_path).items()
    assert form[0] == "baseline-torch-bf16"
    assert form[1].manifest.precision == "bf16"


def test_what_another_machine_spends_is_not_told_by_the_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "LEANSTAGE_ENDPOINT", "baseline=http://192.0.2.1/v2/models/m candidate=http://192.0.2.2"
    )
    monkeypatch.delenv("LEANSTAGE_POD", raising=False)
    nothing: Any = None
    with pytest.raises(MeterError) as refusal:
        measure(nothing, nothing, nothing, batch_size=8, blocks=4, window_seconds=0.5)
    assert str(refusal.value).startswith(
        "what answers for the baseline and the candidate is on another machine, whose work the "
        "processor time of the client does not show, and no meter reads it: no pod is known"
    )
    monkeypatch.setenv("LEANSTAGE_POD", "serving/lean")
    monkeypatch.delenv("LEANSTAGE_PROMETHEUS", raising=False)
    with pytest.raises(MeterError, match="kepler: LEANSTAGE_PROMETHEUS names no Prometheus to ask"):
        measure(nothing, nothing, nothing, batch_size=8, blocks=4, window_seconds=0.5)


@pytest.mark.parametrize(
    ("boards", "device", "reason"),
    [
        ({1: {"GPU-a"}, 2: {"GPU-b"}}, "cuda", "the baseline from GPU-a, the candidate from GPU-b"),
        ({1: {"GPU-a"}, 2: set()}, "cuda", "the candidate from no GPU"),
        ({1: {"GPU-a", "GPU-b"}, 2: {"GPU-a"}}, "cuda", "from GPU-a and GPU-b"),
        ({1: {"GPU-a"}, 2: {"GPU-a"}}, "cpu", "reads no GPU; set CUDA_VISIBLE_DEVICES to GPU-a"),
        ({1: {"GPU-a"}, 2: {"GPU-a"}}, "cuda", "reads GPU-b; set CUDA_VISIBLE_DEVICES to GPU-a"),
    ],
)
def test_servers_here_answer_from_the_one_gpu_that_is_metered(
    monkeypatch: pytest.MonkeyPatch, boards: dict[int, set[str]], device: str, reason: str
) -> None:
    monkeypatch.setenv(
        "LEANSTAGE_ENDPOINT", "baseline=http://localhost:1/v1 candidate=http://localhost:2/v1"
    )
    monkeypatch.setattr(
        "leanstage.serving.choice.listening_at", lambda url: int(url.rpartition(":")[2])
    )
    monkeypatch.setattr("leanstage.serving.processes.Processes.pids", lambda self: {self.pid})
    monkeypatch.setattr("leanstage.energy.step.boards_of", lambda pids: boards[min(pids)])
    monkeypatch.setattr("leanstage.energy.step.device_type", lambda: device)
    other = CpuTimeMeter(threads=2)
    other.board = "GPU-b"
    monkeypatch.setattr("leanstage.energy.step.discover_gpu", lambda: other)
    served: Any = SimpleNamespace(manifest=SimpleNamespace(runtime="torch"))
    nothing: Any = None
    with pytest.raises(MeterError, match=reason):
        measure(served, served, nothing, batch_size=8, blocks=4, window_seconds=0.5)
