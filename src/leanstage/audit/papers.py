"""The two small files beside the weights of a version: the signed decision and the manifest."""

import tempfile
from pathlib import Path

from leanstage.gate import attestation
from leanstage.registry.client import RegistryError, connect, refusals
from leanstage.variant.digest import MANIFEST

_LARGEST = 32 * 2**20
"""Bytes that such a file may have; what is larger is something else."""


def envelope_of(name: str, version: str) -> bytes:
    """The signed decision as it lies beside the weights, unverified.

    Raises:
        RegistryError: it cannot be read.
    """
    return _beside(name, version, f"{attestation.FOLDER}/{attestation.ENVELOPE}")


def manifest_of(name: str, version: str) -> bytes:
    """``leanstage.json`` as it lies beside the weights, unverified.

    Raises:
        RegistryError: it cannot be read.
    """
    return _beside(name, version, MANIFEST)


def manifest_of_candidate(run_id: str, role: str) -> bytes:
    """``leanstage.json`` of a candidate as it is kept with a run, unverified.

    Raises:
        RegistryError: it cannot be read.
    """
    return _fetched(f"runs:/{run_id}/{role}/variant/{MANIFEST}", f"MLflow run {run_id}")


def _beside(name: str, version: str, path: str) -> bytes:
    with refusals():
        place = connect().get_model_version_download_uri(name, version)
    return _fetched(f"{str(place).rstrip('/')}/{path}", f"{name} version {version}")


def _fetched(uri: str, owner: str) -> bytes:
    import mlflow

    with tempfile.TemporaryDirectory(prefix="leanstage-audit-") as scratch:
        try:
            with refusals():
                path = Path(mlflow.artifacts.download_artifacts(uri, dst_path=scratch))
            if path.stat().st_size > _LARGEST:
                raise RegistryError(f"{path.name} of {owner} is too large to be read.")
            return path.read_bytes()
        except RegistryError:
            raise
        except Exception as error:  # each artifact store raises errors of its own
            raise RegistryError(
                f"{Path(uri).name} of {owner} cannot be read: {attestation.first_line(error)}."
            ) from error
