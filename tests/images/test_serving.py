"""A pod's two steps in their own images, as restricted as the manifests make them."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import yaml

from leanstage.components._image import image
from leanstage.variant import load_predictor
from leanstage.variant.adopt import adopt
from leanstage.variant.forms import write_onnx
from tests.conftest import reviews
from tests.delivery.conftest import Delivered, delivered, gate_keys
from tests.manifests.kustomize import MANIFESTS
from tests.mlflow_server import GATE
from tests.serving.conftest import answers, free_port

__all__ = ["delivered", "gate_keys"]

pytestmark = pytest.mark.images

RESTRICTED = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "network_mode": "host",
    "user": "65532:65532",
}


def container_of(kind: str) -> dict[str, Any]:
    """What the manifests say of a container."""
    name = {"ClusterServingRuntime": "runtime", "ClusterStorageContainer": "storage"}[kind]
    spec = yaml.safe_load((MANIFESTS / "serving" / f"{name}.yaml").read_text())["spec"]
    return dict(spec["containers"][0] if "containers" in spec else spec["container"])


@contextmanager
def serving(engine: Any, folder: Path) -> Iterator[tuple[str, Any]]:
    """The runtime of the manifests on a folder, with the memory that they give it."""
    found, port = container_of("ClusterServingRuntime"), free_port()
    filled = {"{{.Name}}": "reviews", "8080": str(port)}
    words = [filled.get(word, word) for word in (*found["command"], *found["args"])]
    container = engine.containers.run(
        image("serve"),
        [*words, "--host", "127.0.0.1"],
        detach=True,
        mem_limit=found["resources"]["limits"]["memory"].removesuffix("i").lower(),
        tmpfs={"/tmp": ""},
        volumes={str(folder): {"bind": "/mnt/models", "mode": "ro"}},
        **RESTRICTED,
    )
    try:
        yield f"http://127.0.0.1:{port}", container
    finally:
        container.remove(force=True)


@pytest.mark.parametrize("form", ["graph", "checkpoint"])
def test_the_runtime_serves_what_the_predictor_answers(
    engine: Any, form: str, tiny_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    variant = adopt(tiny_checkpoint("bert"), tmp_path / "checkpoint")
    if form == "graph":
        variant = write_onnx(variant, tmp_path / "graph")
    for path in (tmp_path, *tmp_path.rglob("*")):
        # As `leanstage fetch` leaves them.
        path.chmod(0o755 if path.is_dir() else 0o644)
    texts = [text for text, _ in reviews(40, seed=8)]
    with serving(engine, variant.path) as (url, container):
        for _ in range(300):
            if answers(f"{url}/v2/health/ready"):
                break
            time.sleep(0.2)
            container.reload()
            assert container.status == "running", container.logs().decode()
        answer = requests.post(
            f"{url}/v1/models/reviews:predict", json={"instances": texts}, timeout=60
        )
        given = [list(row.values()) for row in answer.json()["predictions"]]
        np.testing.assert_allclose(given, load_predictor(variant.path).predict(texts), atol=1e-5)
        container.stop(timeout=60)
        assert container.wait()["StatusCode"] == 0, container.logs().decode()


def fetched(engine: Any, delivered: Delivered, target: Path, **variables: str) -> tuple[int, str]:
    """The init container as KServe starts it: its exit code, and its last words."""
    found = container_of("ClusterStorageContainer")
    container = engine.containers.run(
        image("control"),
        [*found["command"], str(delivered.address), "/mnt/models"],
        detach=True,
        mem_limit=found["resources"]["limits"]["memory"].removesuffix("i").lower(),
        volumes={str(target): {"bind": "/mnt/models", "mode": "rw"}},
        environment={
            "MLFLOW_TRACKING_URI": delivered.server.uri,
            "MLFLOW_TRACKING_USERNAME": GATE,
            "MLFLOW_TRACKING_PASSWORD": delivered.server.passwords[GATE],
            "LEANSTAGE_TRUST_KEYS": delivered.key.read_text(),
            "LEANSTAGE_TRUST_REVOKED": "",
            **variables,
        },
        **RESTRICTED,
    )
    try:
        return int(container.wait()["StatusCode"]), container.logs().decode()
    finally:
        container.remove(force=True)


def test_the_init_container_brings_the_signed_files_or_says_why_not(
    engine: Any, delivered: Delivered, tmp_path: Path
) -> None:
    target = tmp_path / "models"
    target.mkdir()
    target.chmod(0o777)
    code, said = fetched(engine, delivered, target)
    assert code == 0, said
    names = {path.relative_to(target) for path in target.rglob("*") if path.is_file()}
    assert names == {
        path.relative_to(delivered.folder) for path in delivered.folder.rglob("*") if path.is_file()
    }
    refused = tmp_path / "refused"
    refused.mkdir()
    refused.chmod(0o777)
    revoked = f"digests: {{{delivered.address.digest}: it leaks}}"
    code, said = fetched(engine, delivered, refused, LEANSTAGE_TRUST_REVOKED=revoked)
    assert code == 1
    assert said.strip().endswith("is revoked: it leaks.")
    assert "Traceback" not in said
    assert not (refused / "leanstage.json").exists()
    assert os.access(refused, os.R_OK)
