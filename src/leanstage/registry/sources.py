"""Where a model comes from: a folder, MLflow, the Hugging Face hub, or any fsspec store."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from leanstage.contracts import ModelVersion
from leanstage.errors import InputError
from leanstage.registry.client import connect, refusals
from leanstage.uris import public_uri, shown

SAFE_FILES = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model")
"""What is fetched of a model: never pickles, never code."""


@dataclass(frozen=True)
class Source:
    """A model as the user named it, pinned.

    ``version`` is set where MLflow already knows the model as a version of a registered one.
    """

    uri: str
    pinned: str
    version: ModelVersion | None


def fetch_model(uri: str, target: Path) -> tuple[Path, Source]:
    """Bring a model's files to a local folder; returns the folder and where it came from.

    Args:
        uri: a local folder, ``models:/name/3``, ``models:/name@alias``, ``hf://org/name@commit``,
            or a folder on any store that fsspec opens (``s3://`` ...).

    Raises:
        InputError: nothing is there, or the form of the URI is not known.
    """
    if not uri:
        raise InputError("no model was given; pass a folder or a URI such as models:/name/1.")
    scheme = urlsplit(uri).scheme
    if scheme == "models":
        return _from_mlflow(uri, target)
    if scheme == "hf":
        return _from_hub(uri, target)
    if scheme in {"", "file"} or len(scheme) == 1:
        folder = Path(urlsplit(uri).path if scheme == "file" else uri)
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder; give the folder of a saved checkpoint.")
        return folder, Source(uri, str(folder.resolve()), None)
    return _from_store(uri, target)


def version_named(uri: str) -> ModelVersion:
    """The version that ``models:/name/3`` or ``models:/name@alias`` stands for.

    Raises:
        InputError: another form, or there is none.
    """
    from mlflow.exceptions import MlflowException

    client = connect()
    match = re.fullmatch(r"models:/(?P<name>[^@/]+)(?:@(?P<alias>[^/]+)|/(?P<version>\d+))", uri)
    if match is None:
        raise InputError(f"{uri} is not of the form models:/name/3 or models:/name@alias.")
    try:
        if match["alias"]:
            found = client.get_model_version_by_alias(match["name"], match["alias"])
        else:
            found = client.get_model_version(match["name"], match["version"])
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise InputError(f"{uri} does not exist in MLflow: {error.message}") from error
        with refusals():
            raise
    return ModelVersion(
        name=found.name, version=str(found.version), created_ms=found.creation_timestamp
    )


def _from_mlflow(uri: str, target: Path) -> tuple[Path, Source]:
    import mlflow

    version = version_named(uri)
    pinned = f"models:/{version.name}/{version.version}"
    target.mkdir(parents=True, exist_ok=True)
    with refusals():
        folder = mlflow.artifacts.download_artifacts(pinned, dst_path=str(target))
    return checkpoint_folder(Path(folder)), Source(uri, pinned, version)


def checkpoint_folder(folder: Path) -> Path:
    """The folder that holds ``config.json``: an MLflow model may keep it in ``model/``."""
    if (folder / "config.json").is_file():
        return folder
    inner = folder / "model"
    return inner if (inner / "config.json").is_file() else folder


def _from_hub(uri: str, target: Path) -> tuple[Path, Source]:
    from huggingface_hub import HfApi, snapshot_download

    name, _, revision = uri.removeprefix("hf://").partition("@")
    try:
        commit = HfApi().model_info(name, revision=revision or None).sha
        folder = snapshot_download(
            name, revision=commit, local_dir=target, allow_patterns=list(SAFE_FILES)
        )
    except Exception as error:  # the client lets the errors of its HTTP library through
        first = str(error).strip().partition("\n")[0]
        raise InputError(f"{uri} cannot be fetched from the hub: {first}") from error
    return Path(folder), Source(uri, f"hf://{name}@{commit}", None)


def _from_store(uri: str, target: Path) -> tuple[Path, Source]:
    import fsspec

    with _store_refusals(uri):
        store, root = fsspec.core.url_to_fs(uri)
        found = [path for pattern in SAFE_FILES for path in store.glob(f"{root}/{pattern}")]
        if not found:
            raise InputError(
                f"{shown(uri)} holds no safetensors or config; give a checkpoint's folder."
            )
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(set(found)):
            with store.open(path, "rb") as source, (target / Path(path).name).open("wb") as copy:
                shutil.copyfileobj(source, copy)
    return target, Source(uri, shown(uri), None)


@contextmanager
def _store_refusals(uri: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise InputError(f"{shown(uri)} needs a library that is not installed: {error}.") from error
    except (OSError, ValueError) as error:
        reason = public_uri(str(error).replace(uri, shown(uri)))
        raise InputError(f"{shown(uri)} cannot be read: {reason}.") from error
