"""Importing the pipeline side loads kfp and nothing heavier."""

import json
import subprocess
import sys

import pytest

HEAVY = ["torch", "transformers", "onnxruntime", "mlflow", "bitsandbytes", "torch_pruning"]


@pytest.mark.parametrize(
    "module",
    ["contracts", "components", "pipelines", "cli", "progress", "variant", "trigger.serve"],
)
def test_nothing_heavy_is_loaded(module: str) -> None:
    code = (
        f"import json, sys, leanstage.{module};"
        f"print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(answer.stdout.splitlines()[-1]) == []


def test_the_onnxruntime_predictor_needs_no_torch() -> None:
    code = (
        "import sys; from leanstage.variant.predictor import OnnxPredictor;"
        "import onnxruntime, tokenizers; print('torch' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == "False"
