"""The two small files beside the weights of a version: the signed decision and the manifest."""

import re
import tempfile
from pathlib import Path

from leanstage.audit.places import Places
from leanstage.gate import attestation
from leanstage.registry.client import RegistryError, connect, refusals, require_own_host
from leanstage.variant.digest import MANIFEST

_STORED = re.compile(r"models:/+(m-[^/@]+)")
_COPIED = re.compile(r"models:/+([^/@]+)/(\d+)")
_COPIES = 16
"""How often a version may be a copy of a copy."""
_LARGEST = 32 * 2**20
"""Bytes that such a file may have; what is larger is something else."""


def place_of(source: str, places: Places | None = None) -> str:
    """Where the bytes of a version lie, by the source that MLflow names for it.

    MLflow tells the place of a version, but not where a tag hides its model.

    Args:
        places: what is known already, where many are asked for.

    Raises:
        RegistryError: what it was copied from or stored as is gone, or it lies at a host that the
            password of MLflow must not go to.
    """
    place = _place_of(source, places)
    require_own_host(place)
    return place


def _place_of(source: str, places: Places | None) -> str:
    client = connect()
    with refusals():
        for _ in range(_COPIES):
            copied = _COPIED.fullmatch(source)
            if copied is None:
                break
            source = str(client.get_model_version(copied[1], copied[2]).source)
        stored = _STORED.fullmatch(source)
        if stored is None:
            return source
        if places is None:
            return str(client.get_logged_model(stored[1]).artifact_location)
    return places.of(stored[1])


def envelope_at(place: str) -> bytes:
    """The signed decision as it lies beside the weights, unverified.

    Raises:
        RegistryError: it cannot be read.
    """
    return small_file(f"{place.rstrip('/')}/{attestation.FOLDER}/{attestation.ENVELOPE}")


def manifest_at(place: str) -> bytes:
    """``leanstage.json`` as it lies beside the weights, unverified.

    Raises:
        RegistryError: it cannot be read.
    """
    return small_file(f"{place.rstrip('/')}/{MANIFEST}")


def manifest_of_candidate(run_id: str, role: str) -> bytes:
    """``leanstage.json`` of a candidate as it is kept with a run, unverified.

    Raises:
        RegistryError: it cannot be read.
    """
    return small_file(f"runs:/{run_id}/{role}/variant/{MANIFEST}")


def whole_folder(place: str, scratch: Path) -> Path:
    """Everything that lies at a place, downloaded into ``scratch``.

    Raises:
        RegistryError: it cannot be read.
    """
    import mlflow

    connect()
    try:
        with refusals():
            return Path(mlflow.artifacts.download_artifacts(place, dst_path=str(scratch)))
    except RegistryError:
        raise
    except Exception as error:  # each artifact store raises errors of its own
        raise RegistryError(
            f"its files cannot be read ({attestation.first_line(error)})."
        ) from error


def small_file(uri: str) -> bytes:
    """A small file at any place that MLflow can read.

    Raises:
        RegistryError: it cannot be read.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    connect()
    place, _, name = uri.rpartition("/")
    with tempfile.TemporaryDirectory(prefix="leanstage-audit-") as scratch:
        path = Path(scratch) / name
        try:
            with refusals():
                # What is public lists a folder first: of three requests a version this spares one.
                get_artifact_repository(place)._download_file(name, str(path))
            if path.stat().st_size > _LARGEST:
                raise RegistryError("it is too large.")
            return path.read_bytes()
        except RegistryError as error:
            # What the server sent besides is no news: the address says what is missing.
            told = str(error).partition(" Response text: ")[0]
            raise RegistryError(f"{name} cannot be read: {told}") from error
        except Exception as error:  # each artifact store raises errors of its own
            raise RegistryError(
                f"{name} cannot be read ({attestation.first_line(error)})."
            ) from error
