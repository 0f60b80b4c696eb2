"""A model under OpenVINO answers as the checkpoint it came from, without torch, telling nobody."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leanstage.errors import InputError
from leanstage.variant import load_predictor
from leanstage.variant.adopt import adopt
from leanstage.variant.forms import unoptimized_forms, write_openvino
from leanstage.variant.openvino import OPENVINO_FILE
from tests.variant.test_lengths import MIXED

Checkpoint = Callable[[str], Path]


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta", "mpnet"])
def test_it_answers_as_the_checkpoint_does(
    family: str, tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    variant = adopt(tiny_checkpoint(family), tmp_path / "variant")
    form = write_openvino(variant, tmp_path / "openvino")
    assert (form.manifest.runtime, form.manifest.precision) == ("openvino", "bf16")
    assert form.manifest.bytes < variant.manifest.bytes
    expected = load_predictor(variant.path).predict(MIXED)
    assert expected.std() > 0.01, "the rows must differ for their order to show"
    np.testing.assert_allclose(load_predictor(form.path).predict(MIXED), expected, atol=0.02)


def test_it_needs_no_torch_and_reports_to_nobody(
    tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    variant = adopt(tiny_checkpoint("bert"), tmp_path / "variant")
    form = write_openvino(variant, tmp_path / "openvino")
    code = (
        "import sys; from leanstage.variant import load_predictor;"
        f"print(load_predictor({str(form.path)!r}).predict(['a dreadful film']).argmax());"
        "print([m for m in ('torch', 'transformers', 'openvino_telemetry') if sys.modules.get(m)])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.split("\n")[:2] == ["0", "[]"]


def test_a_graph_that_is_missing_or_broken_is_one_sentence(
    tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    variant = adopt(tiny_checkpoint("bert"), tmp_path / "variant")
    form = write_openvino(variant, tmp_path / "openvino")
    graph = form.path / OPENVINO_FILE
    graph.write_text("<net")
    with pytest.raises(InputError, match="does not load under OpenVINO"):
        load_predictor(form.path)
    graph.unlink()
    with pytest.raises(InputError, match="names openvino as its runtime but holds no"):
        load_predictor(form.path)


def test_without_the_library_the_extra_is_named(
    tiny_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = adopt(tiny_checkpoint("bert"), tmp_path / "variant")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(InputError, match=r"pip install 'leanstage\[openvino\]'"):
        write_openvino(variant, tmp_path / "openvino")


@pytest.mark.parametrize(("serving", "counts"), [("any", True), ("vllm", False)])
def test_a_saving_is_held_against_openvino_where_it_could_serve(
    serving: str,
    counts: bool,
    tiny_checkpoint: Checkpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("leanstage.variant.hardware.supports_bf16", lambda: True)
    monkeypatch.setattr("leanstage.variant.hardware.device_type", lambda: "cpu")
    variant = adopt(tiny_checkpoint("bert"), tmp_path / "variant")
    forms = unoptimized_forms(variant, tmp_path, serving=serving)  # type: ignore[arg-type]
    assert ("baseline-openvino-bf16" in forms) is counts
    assert {"baseline-onnxruntime-fp32", "baseline-torch-bf16"} <= set(forms)
