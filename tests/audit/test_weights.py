"""What the files of a version tell of it, and what they do not."""

import json
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from leanstage.audit.weights import weights_of
from leanstage.registry.client import RegistryError

BERT = {"architectures": ["BertForSequenceClassification"], "dtype": "bfloat16"}


@pytest.fixture
def client(mlflow_here: str) -> MlflowClient:
    client = MlflowClient(mlflow_here, registry_uri=mlflow_here)
    client.create_registered_model("m")
    return client


def told(client: MlflowClient, source: Path) -> dict[str, Any]:
    version = client.create_model_version("m", source.as_uri())
    return weights_of("m", version.version)


def laid(folder: Path, config: object | None = None, **sizes: int) -> Path:
    """A folder with a file of so many bytes for each suffix, and a configuration."""
    folder.mkdir(parents=True)
    for suffix, size in sizes.items():
        (folder / f"model.{suffix}").write_bytes(bytes(size))
    if config is not None:
        text = config if isinstance(config, str) else json.dumps(config)
        (folder / "config.json").write_text(text)
    return folder


def test_a_checkpoint_says_its_task_precision_and_parameters(
    client: MlflowClient, tmp_path: Path
) -> None:
    # As MLflow's transformers flavour lays it, a folder deeper.
    laid(tmp_path / "logged/model", BERT, safetensors=2000, txt=99)
    assert told(client, tmp_path / "logged") == {
        "bytes": 2000, "task": "text-classification", "runtime": "torch", "precision": "bf16",
        "parameters": 1000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("config", "sizes", "found"),
    [
        (BERT | {"quantization_config": {}}, {"safetensors": 8}, {"task": "text-classification"}),
        (BERT | {"dtype": "float8"}, {"safetensors": 8}, {"task": "text-classification"}),
        ({"torch_dtype": "float32"}, {"bin": 8}, {}),
        ({}, {"onnx": 8}, {"runtime": "onnxruntime"}),
        (None, {"pkl": 8}, {}),
        ("{", {"safetensors": 8}, {}),
        ("[]", {"safetensors": 8}, {}),
        ({"architectures": []}, {"safetensors": 8}, {}),
    ],
)
def test_what_they_do_not_say_is_left_out(
    client: MlflowClient,
    tmp_path: Path,
    config: object,
    sizes: dict[str, int],
    found: dict[str, Any],
) -> None:
    assert told(client, laid(tmp_path / "m", config, **sizes)) == {"bytes": 8} | found


def test_a_version_without_weights_or_files_is_one_sentence(
    client: MlflowClient, tmp_path: Path
) -> None:
    with pytest.raises(RegistryError, match=r"no weights lie at the source of version 1 of m"):
        told(client, laid(tmp_path / "m", {}, txt=8))
    with pytest.raises(RegistryError, match="no weights lie"):
        told(client, tmp_path / "missing")
