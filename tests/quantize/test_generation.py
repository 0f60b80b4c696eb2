"""Models that write: smaller checkpoints that say nearly the same, their head as it was."""

from pathlib import Path

import pytest

from leanstage.quantize.backends import BACKENDS
from leanstage.variant import Variant, load_predictor
from leanstage.variant.adopt import adopt
from leanstage.variant.checkpoint import load_checkpoint
from leanstage.variant.generation import load_generator
from tests.generation_model import sentences, train_tiny_llama


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Variant:
    folder = tmp_path_factory.mktemp("llama")
    return adopt(train_tiny_llama(folder / "checkpoint", layers=2, steps=20), folder / "variant")


FORMS = ["torch-bf16", "bitsandbytes-int8", "bitsandbytes-nf4", "torchao-int8"]


@pytest.mark.parametrize("name", FORMS)
def test_it_says_nearly_the_same(name: str, writer: Variant, tmp_path: Path) -> None:
    if name.startswith("torchao"):
        pytest.importorskip("torchao", reason="needs torchao: pip install 'leanstage[torchao]'")
    form = BACKENDS[name](writer, tmp_path / "form")  # type: ignore[index]
    assert form.manifest.task == "text-generation"
    assert form.manifest.bytes < writer.manifest.bytes
    assert form.manifest.parameters == writer.manifest.parameters
    head = load_checkpoint(form.path).get_output_embeddings()
    assert head.weight.dtype.is_floating_point
    prompts, rest = zip(*(s.split(" ", 1) for s in sentences(8, seed=3)), strict=True)
    before, after = (
        load_generator(one.path).likelihood(prompts, rest).logprobs for one in (writer, form)
    )
    assert abs(before - after).mean() < 0.1
    assert load_predictor(form.path).predict(["the film"]).shape == (1, 1)


@pytest.mark.parametrize("name", ["bitsandbytes-int8", "bitsandbytes-nf4"])
def test_nothing_is_said_at_every_layer_of_every_answer(
    name: str, writer: Variant, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    form = BACKENDS[name](writer, tmp_path / "form")  # type: ignore[index]
    caplog.clear()
    load_generator(form.path).generate(["the fox"] * 2, [4, 4])
    assert not [entry for entry in caplog.records if entry.name.startswith("bitsandbytes")]


def test_a_form_of_torchao_answers_where_models_answer(
    writer: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but what loads it places it: on a GPU its prompts would be, and it would not."""
    pytest.importorskip("torchao", reason="needs torchao: pip install 'leanstage[torchao]'")
    form = BACKENDS["torchao-int8"](writer, tmp_path / "form")
    # The only other device that a machine without a GPU has.
    monkeypatch.setattr("leanstage.variant.generation.device_type", lambda: "meta")
    generator = load_generator(form.path)
    assert generator._model.device.type == "meta"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["onnxruntime-int8", "openvino-bf16", "openvino-int8"])
def test_a_graph_that_would_write_is_refused(name: str, writer: Variant) -> None:
    refusal = BACKENDS[name].refusal(writer, ["text"] * 9)  # type: ignore[index]
    assert refusal is not None
    assert refusal.endswith("answers classifiers here, and no models that write text yet")
