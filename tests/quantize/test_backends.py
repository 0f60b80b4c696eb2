"""Every backend on a tiny trained model: smaller, loaded again, and of the same mind."""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
import torch

from leanstage.calibrate.shapes import Shape, write_model
from leanstage.contracts import GPU_BACKENDS, RANGE_BACKENDS
from leanstage.quantize.backends import BACKENDS
from leanstage.quantize.checkpoints import half
from leanstage.quantize.how import METHODS, How
from leanstage.tasks import SplitFolder
from leanstage.variant import Variant, load_predictor
from leanstage.variant.checkpoint import load_checkpoint
from leanstage.variant.digest import regular_files

FORMS = [(name, method) for name, b in BACKENDS.items() for method in b.methods or METHODS[:1]]


@pytest.mark.parametrize(("name", "method"), FORMS)
def test_every_form_shrinks_the_model_and_keeps_its_answers(
    name: str, method: str, baseline: Variant, train: SplitFolder, tmp_path: Path
) -> None:
    backend = BACKENDS[name]  # type: ignore[index]
    if refused := backend.refusal(baseline, train.texts):
        assert name.startswith(("torch", "openvino-bf16")), refused
        pytest.skip(refused)
    how = How(texts=tuple(train.texts[:64]), method=method)
    variant = backend(baseline, tmp_path / "form", how)
    # Kernels of a GPU take int4 in rows of 1,024 weights, far more than a layer has here.
    assert variant.manifest.bytes < baseline.manifest.bytes or name == "torchao-int4"
    # OpenVINO's weights are plain numbers in a file that is called .bin, too.
    unsafe = (".pt", ".pkl", ".py", *([] if variant.manifest.runtime == "openvino" else [".bin"]))
    assert not [name for name, _ in regular_files(variant.path) if name.endswith(unsafe)]
    expected = load_predictor(baseline.path).predict(train.texts)
    given = load_predictor(variant.path).predict(train.texts)
    assert (given.argmax(1) == expected.argmax(1)).mean() > 0.97
    assert len(set(given.argmax(1))) == 2, "one class for every row"


@pytest.mark.parametrize("name", ["onnxruntime-int8", "onnxruntime-int8-static", "openvino-int8"])
def test_with_every_group_in_float_nothing_is_left_that_int8_could_change(
    name: str, baseline: Variant, train: SplitFolder, tmp_path: Path
) -> None:
    backend = BACKENDS[name]  # type: ignore[index]
    assert backend.layers is not None
    groups = tuple(backend.layers(baseline))
    assert groups[1:3] == ("layer 0 attention", "layer 0 feed-forward")
    texts = tuple(train.texts[:32])

    def form(*in_float: str) -> Variant:
        target = tmp_path / str(len(in_float))
        return backend(baseline, target, How(texts=texts, in_float=in_float))

    whole, some, none = form(*groups), form("layer 0 feed-forward"), form()
    expected = load_predictor(baseline.path).predict(texts)
    given = load_predictor(whole.path).predict(texts)
    assert abs(given - expected).max() < 1e-3
    assert whole.manifest.bytes > some.manifest.bytes > none.manifest.bytes


def test_the_float_graph_is_not_left_beside_the_int8_one(
    baseline: Variant, train: SplitFolder, tmp_path: Path
) -> None:
    for name in ("onnxruntime-int8", "onnxruntime-int8-static"):
        form = BACKENDS[name](baseline, tmp_path / name, How(texts=tuple(train.texts[:8])))
        assert [path.name for path in (form.path / "onnx").iterdir()] == ["model.onnx"]


def test_nf4_leaves_out_the_head_and_layers_that_fill_no_block(tmp_path: Path) -> None:
    # 208 is no multiple of the kernel's block of 32 outputs, nor of 64 weights of one scale.
    source = write_model(Shape(2, 64, 208), tmp_path / "odd")
    form = BACKENDS["bitsandbytes-nf4"](source, tmp_path / "nf4")
    model = load_checkpoint(form.path)
    kinds = {name: param.dtype for name, param in model.named_parameters()}
    layer = "bert.encoder.layer.0"
    assert kinds[f"{layer}.attention.self.query.weight"] == torch.uint8
    for whole in (f"{layer}.intermediate.dense", f"{layer}.output.dense", "classifier"):
        assert kinds[f"{whole}.weight"].is_floating_point, whole
    answers = load_predictor(form.path).predict(["a quiet film"] * 3)
    assert answers.shape == (3, 2)


def test_no_kernel_is_fetched_from_the_hub(
    baseline: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kernels", ModuleType("kernels"))
    load_checkpoint(baseline.path)
    with pytest.raises(ImportError):
        import_module("kernels")


def test_what_is_missing_is_named_with_its_extra(
    baseline: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanstage.quantize.backends.find_spec", lambda _: None)
    refusal = BACKENDS["openvino-int8"].refusal(baseline, ["text"] * 2)
    assert refusal is not None
    assert "openvino and nncf" in refusal
    assert "pip install 'leanstage[openvino]'" in refusal
    assert BACKENDS["torch-bf16"].refusal(baseline, []) is None


def test_a_gpu_backend_is_refused_on_a_processor(
    baseline: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanstage.quantize.backends.find_spec", find_spec_of_everything)
    monkeypatch.setattr("leanstage.quantize.backends.device_type", lambda: "cpu")
    refusal = BACKENDS["torchao-int4"].refusal(baseline, [])
    assert refusal == "runs on a GPU alone, and PyTorch can use none on this machine"


def test_a_plan_knows_what_the_backends_need() -> None:
    assert {name for name, backend in BACKENDS.items() if backend.gpu} == GPU_BACKENDS
    assert {name for name, backend in BACKENDS.items() if backend.methods} == RANGE_BACKENDS


def find_spec_of_everything(name: str) -> object:
    return find_spec("json")


def test_float16_is_refused_where_it_is_emulated(
    baseline: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanstage.quantize.backends.supports_fp16", lambda: False)
    refusal = BACKENDS["torch-fp16"].refusal(baseline, [])
    assert refusal is not None
    assert "no float16 units" in refusal


@pytest.mark.parametrize(
    ("device", "native", "dtype"),
    [
        ("cuda", True, torch.bfloat16),
        ("cuda", False, torch.float16),
        ("cpu", True, torch.bfloat16),
        ("cpu", False, None),
    ],
)
def test_arithmetic_is_in_the_half_precision_that_is_not_emulated(
    device: str, native: bool, dtype: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_cuda(including_emulation: bool = True) -> bool:
        return native or including_emulation

    for module in ("variant.hardware", "quantize.checkpoints"):
        monkeypatch.setattr(f"leanstage.{module}.device_type", lambda: device)
    monkeypatch.setattr("leanstage.variant.hardware.supports_bf16", lambda: native)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", on_cuda)
    assert half() == dtype
