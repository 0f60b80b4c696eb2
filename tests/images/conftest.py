"""A Docker engine with all images of this source, or a reason why not."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from leanstage.components._image import NAMES, image

ROOT = Path(__file__).parents[2]
BUILT = (*NAMES, "llm", "serve")
"""Those that components run in, and two with versions of their own: a script, and the predictor."""
REQUIRED_VARIABLE = "LEANSTAGE_TEST_IMAGES"
"""``required``: a test that would be skipped fails instead; `make test-images` sets it."""

# Prints a digest of the package's files, wherever it is installed.
_DIGEST = """
import hashlib, leanstage, os, pathlib
root = pathlib.Path(leanstage.__path__[0])
walked = os.walk(root, followlinks=True)
files = [pathlib.Path(folder) / name for folder, _, names in walked for name in names]
kinds = {".py", ".yaml", ".json", ".html", ".j2"}
whole = hashlib.sha256()
for path in sorted(path for path in files if path.suffix in kinds):
    whole.update(str(path.relative_to(root)).encode() + b"\\0" + path.read_bytes())
print(whole.hexdigest())
"""


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """A client of the Docker engine, which holds all images of this very source."""
    import docker

    try:
        client = docker.from_env()
    except docker.errors.DockerException:
        unavailable(
            f"no Docker engine answers at {os.environ.get('DOCKER_HOST', 'its usual socket')}"
        )
    command = ["-c", _DIGEST]
    package = subprocess.run([sys.executable, *command], capture_output=True, check=True).stdout
    try:
        for name in (*NAMES, "serve"):
            require_current(client, image(name), ["python", *command], package)
        script = (ROOT / "images" / "llm" / "compress.py").read_bytes()
        require_current(client, image("llm"), ["cat", "/opt/compress.py"], script)
        yield client
    finally:
        client.close()


def require_current(client: Any, reference: str, command: list[str], held: bytes) -> None:
    """The image is there, and a command in it prints what this checkout holds."""
    import docker

    try:
        client.images.get(reference)
    except docker.errors.ImageNotFound:
        unavailable(f"there is no image {reference}; `make images` builds it")
    if client.containers.run(reference, command, remove=True, network_mode="none") != held:
        unavailable(f"{reference} was built from other source; `make images` builds it again")


def unavailable(why: str) -> NoReturn:
    """Skip the test, or fail where it was asked for."""
    if os.environ.get(REQUIRED_VARIABLE) == "required":
        pytest.fail(why)
    pytest.skip(f"{why}; `make test-images` runs this test")
