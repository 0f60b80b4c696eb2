"""What is measured: real models, really zeroed weights, and forms that are not to be had."""

import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from leanstage.calibrate import find_profile
from leanstage.calibrate import forms as forms_module
from leanstage.calibrate.forms import FORMS
from leanstage.calibrate.measure import Effort, calibrate
from leanstage.calibrate.shapes import TOKENS, Shape, texts, write_model
from leanstage.contracts import Form, Gain, HardwareProfile
from leanstage.energy.parent import WORKER_ENVIRONMENT
from leanstage.errors import InputError
from leanstage.quantize.backends import BACKENDS
from leanstage.variant import Predictor, Variant, open_variant
from leanstage.variant.architectures import layers_of
from leanstage.variant.checkpoint import load_checkpoint
from leanstage.variant.hardware import device_type, hardware_profile
from leanstage.variant.tokens import TextEncoder
from tests.calibrate.conftest import Ran

TINY = Shape.parse("2x64")
BRIEF = Effort(rounds=3, seconds=0.01, shapes=("2x64",))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Variant:
    return write_model(TINY, tmp_path_factory.mktemp("shape") / "model")


def test_the_pipeline_measures_every_form_at_every_batch_size(ran: Ran, model: Variant) -> None:
    calibration = ran.profile.calibration
    assert calibration is not None
    measured = [(gain.form, gain.shape, gain.batch_size) for gain in calibration.gains]
    assert measured == [(form, "2x64", size) for size in (1, 8) for form in FORMS]
    for gain in calibration.gains:
        backend = BACKENDS.get(gain.form)  # type: ignore[call-overload]
        if backend is not None and (refusal := backend.refusal(model, texts())):
            assert gain.error == f"{refusal}."
            continue
        assert gain.ratio is not None, gain
        assert gain.ci95 is not None
        assert gain.ci95[0] <= gain.ratio <= gain.ci95[1]
        assert gain.error is None
    assert calibration.unit.startswith("CPU-seconds per answer")
    assert {"torch", "onnxruntime", "bitsandbytes"} <= calibration.versions.keys()
    assert "batches of 8, round 5 of 5" in ran.log


def test_the_pipeline_leaves_the_profile_where_its_name_is_found(
    ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", ran.tracking_uri)
    found = find_profile("here")
    assert found == ran.profile
    assert found.node_sha256() == hardware_profile().node_sha256()


@pytest.mark.parametrize(
    "text", ["6", "x384", "1x384", "3x384", "50x384", "6x100", "6x0", "6x2112", "6 x 384", "-6x384"]
)
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="such as 6x384"):
        Shape.parse(text)


def test_the_model_has_its_shape_and_every_text_its_tokens(model: Variant) -> None:
    config = load_checkpoint(model.path).config
    shape = (config.num_hidden_layers, config.hidden_size, config.intermediate_size)
    assert shape == (2, 64, 256)
    ids = TextEncoder(model.path, model.manifest.max_length).ids(texts())
    assert {len(row) for row in ids} == {TOKENS}
    unknown = 1
    assert all(unknown not in row for row in ids)


def test_half_of_a_shape() -> None:
    six = Shape.parse("6x384")
    assert six.half_depth == Shape(3, 384, 1536)
    assert six.half_width == Shape(6, 384, 768)


@pytest.mark.parametrize("form", ["sparsity-unstructured", "sparsity-2:4"])
def test_sparse_weights_are_really_zero(form: Form, model: Variant, tmp_path: Path) -> None:
    FORMS[form](TINY, model, tmp_path / "sparse")
    dense, sparse = load_checkpoint(model.path), load_checkpoint(tmp_path / "sparse")
    for before, after in zip(_weights(dense), _weights(sparse), strict=True):
        zero = after == 0
        assert zero.float().mean().item() == pytest.approx(0.5, abs=0.001)
        assert torch.equal(after[~zero], before[~zero])
        if form == "sparsity-2:4":
            assert set(zero.reshape(-1, 4).sum(1).tolist()) == {2}


def _weights(model: object) -> list[torch.Tensor]:
    layers = layers_of(model)
    return [m.weight.data for m in layers.modules() if isinstance(m, torch.nn.Linear)]


def test_nf4_holds_its_weights_in_four_bits(model: Variant, tmp_path: Path) -> None:
    FORMS["bitsandbytes-nf4"](TINY, model, tmp_path / "nf4")
    written = open_variant(tmp_path / "nf4").manifest
    assert written.precision == "nf4"
    assert written.parameters == model.manifest.parameters


@dataclass
class Slow:
    """Takes this many seconds for a batch, and little work."""

    seconds: float

    def predict(self, texts: object) -> object:
        time.sleep(self.seconds)
        return sum(range(10_000))


class Silent:
    """Loads, and fails at the first question."""

    def predict(self, texts: object) -> object:
        raise RuntimeError("N must be divisible by block_n\nand more of a trace")


def test_a_form_that_fails_is_a_gain_with_its_reason(
    model: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_library(*_: object) -> Predictor:
        raise ModuleNotFoundError("No module named 'bitsandbytes'")

    tried = {
        "half-depth": FORMS["half-depth"],
        "bitsandbytes-int8": no_library,
        "bitsandbytes-nf4": lambda *_: Silent(),
    }
    gains = {(gain.form, gain.batch_size): gain for gain in measured(tried, monkeypatch)}
    sizes = (1, 8) if device_type() == "cpu" else (1, 8, 32)
    assert len(gains) == 3 * len(sizes)
    for size in sizes:
        assert gains["half-depth", size].ratio is not None
        assert gains["bitsandbytes-int8", size].error == "No module named 'bitsandbytes'."
        assert gains["bitsandbytes-nf4", size].error == "N must be divisible by block_n."
        assert gains["bitsandbytes-nf4", size].ratio is None


def test_a_form_that_would_hold_up_the_rest_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leanstage.calibrate.measure.SLOWEST", 0.0)
    gains = measured({"half-depth": lambda *_: Slow(0.5)}, monkeypatch)
    assert {gain.ratio for gain in gains} == {None}
    assert all(gain.error and "it may take" in gain.error for gain in gains)


def test_where_the_reference_is_as_slow_nothing_is_too_slow(
    model: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanstage.calibrate.measure.SLOWEST", 0.0)
    monkeypatch.setattr("leanstage.variant.load_predictor", lambda _: Slow(0.05))
    assert all(gain.ratio for gain in measured({"half-depth": lambda *_: Slow(0)}, monkeypatch))


def test_a_reference_that_does_not_answer_is_no_measurement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("leanstage.variant.load_predictor", lambda _: Silent())
    with pytest.raises(RuntimeError, match="divisible"):
        measured({}, monkeypatch)


def test_beside_a_gpu_no_graph_is_held_against_it(
    model: Variant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(forms_module, "device_type", lambda: "cuda")
    for form in FORMS:
        if not form.startswith(("onnxruntime", "openvino")):
            continue
        with pytest.raises(InputError, match="cannot be held against that of the GPU"):
            FORMS[form](TINY, model, tmp_path / form)


def measured(tried: object, monkeypatch: pytest.MonkeyPatch) -> tuple[Gain, ...]:
    monkeypatch.setattr(forms_module, "FORMS", tried)
    monkeypatch.setattr("leanstage.calibrate.measure.QUICK", BRIEF)
    for variable, value in WORKER_ENVIRONMENT.items():
        # Set already, so that nothing of it outlives the test.
        monkeypatch.setenv(variable, value)
    profile: HardwareProfile = calibrate(quick=True, labels={"pool": "serving"})
    assert profile.labels == {"pool": "serving"}
    assert profile.calibration is not None
    return profile.calibration.gains
