"""What gives away a container that serves a model, and what does not."""

from typing import Any

import pytest

from leanstage.audit.servers import place, served

HUB = "hf://org/chat"


def of(image: str, *words: str, **variables: str) -> dict[str, Any]:
    """A container of this image, command line and environment."""
    env = [{"name": name, "value": value} for name, value in variables.items()]
    return {"image": image, "args": list(words), "env": env}


VLLM = ("python3", "-m", "vllm.entrypoints.openai.api_server", "--model", "$(WHICH)")
SERVING: list[tuple[dict[str, Any], tuple[str, str | None]]] = [
    (of("vllm/vllm-openai:v0.12", "--model", "org/chat"), ("vllm", HUB)),
    (of("vllm/vllm-openai:v0.12", "org/chat", "--port", "80"), ("vllm", HUB)),
    (of("nvcr.io/nim/meta/llama3:1", NIM_MODEL_NAME="org/chat"), ("nim", HUB)),
    (of("nvcr.io/nim/meta/llama3:1"), ("nim", None)),
    (of("r.example/vllm/vllm-openai@sha256:00", "--model=/mnt/chat"), ("vllm", "/mnt/chat")),
    (of("own/image", "vllm", "serve", "org/chat", "--port", "80"), ("vllm", HUB)),
    (of("own/image", "sh", "-c", "exec /opt/bin/vllm serve org/chat"), ("vllm", HUB)),
    (of("own/image", *VLLM, WHICH="org/chat"), ("vllm", HUB)),
    (
        of("ghcr.io/huggingface/text-generation-inference:3", MODEL_ID="org/chat"),
        ("text-generation-inference", HUB),
    ),
    (
        of("own/mlflow", "mlflow", "models", "serve", "-m", "models:/reviews@champion"),
        ("mlflow", "models:/reviews@champion"),
    ),
    (
        of("nvcr.io/nvidia/tritonserver:25.01-py3", "--model-repository=s3://key:secret@store/m"),
        ("triton", "s3://store/m"),
    ),
    (of("localhost:5000/pytorch/torchserve"), ("torchserve", None)),
    (of("kserve/lgbserver:v0.15", "--model_dir=/mnt/models"), ("lightgbm", "/mnt/models")),
    (
        of("own/server", STORAGE_URI="https://user:pw@store/m?sig=secret"),
        ("", "https://store/m"),
    ),
]


@pytest.mark.parametrize(("container", "found"), SERVING)
def test_a_server_and_where_its_model_comes_from(
    container: dict[str, Any], found: tuple[str, str | None]
) -> None:
    assert served(container) == found


@pytest.mark.parametrize(
    "container",
    [
        of("nginx:1.29"),
        of("own/app", MODEL="org/chat"),
        of("own/app", MODEL_ID="gpt"),
        of("own/app", "--model", "org/chat"),
        of("vllm-openai-exporter"),
        of("own/app", "sh", "-c", "echo 'unclosed"),
        {"image": "own/app", "env": [{"name": "STORAGE_URI", "valueFrom": {"secretKeyRef": {}}}]},
        {},
    ],
)
def test_what_serves_no_model(container: dict[str, Any]) -> None:
    assert served(container) is None


def test_no_key_of_a_place_is_kept() -> None:
    assert place("s3://key:secret@bucket/m") == "s3://bucket/m"
    assert place("https://host/m?X-Amz-Signature=secret#secret") == "https://host/m"
    assert place("hf://org/name@main") == "hf://org/name@main"
    assert place("models:/reviews@champion") == "models:/reviews@champion"
    assert place("http://[broken") is None
