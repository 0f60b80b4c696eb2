"""Registered versions: bytes in, bytes verified, alias moved last."""

from pathlib import Path
from typing import TYPE_CHECKING

from leanstage.contracts import ModelVersion
from leanstage.registry.client import (
    CHAMPION,
    RegistryError,
    connect,
    experiment_id,
    pages,
    quoted,
    refusals,
)
from leanstage.variant import Variant

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST_TAG = "leanstage.digest"


def register(
    variant: Variant,
    name: str,
    *,
    experiment: str,
    run_id: str | None,
    tags: dict[str, str],
) -> ModelVersion:
    """Store a variant's folder as it is and register it as a version of ``name``.

    The bytes are complete before a version points at them: a crash in between leaves a model
    without a version, never a version without its model.
    """
    client = connect()
    labels = {DIGEST_TAG: variant.digest, **tags}
    with refusals():
        model = client.create_logged_model(
            experiment_id(client, experiment),
            name=f"sha256-{variant.digest[:16]}",
            source_run_id=run_id,
            tags=labels,
        )
        client.log_model_artifacts(model.model_id, str(variant.path))
        client.finalize_logged_model(model.model_id, "READY")
    _ensure_registered(client, name)
    with refusals():
        version = client.create_model_version(
            name,
            source=f"models:/{model.model_id}",
            run_id=run_id,
            tags=labels,
            model_id=model.model_id,
        )
    return ModelVersion(
        name=name, version=str(version.version), created_ms=version.creation_timestamp
    )


def find_by_digest(name: str, digest: str) -> ModelVersion | None:
    """The oldest version of ``name`` that was registered with this content digest."""
    client = connect()
    query = f"name = {quoted(name)} and tags.`{DIGEST_TAG}` = '{digest}'"
    found = sorted(
        pages(client.search_model_versions, filter_string=query),
        key=lambda version: int(version.version),
    )
    if not found:
        return None
    oldest = found[0]
    return ModelVersion(
        name=oldest.name, version=str(oldest.version), created_ms=oldest.creation_timestamp
    )


def download(version: ModelVersion, target: Path) -> Path:
    """The files of a version, in a folder below ``target``.

    Raises:
        RegistryError: the version is gone, or its number now stands for another model.
    """
    import mlflow

    client = connect()
    with refusals():
        found = client.get_model_version(version.name, version.version)
        if found.creation_timestamp != version.created_ms:
            raise RegistryError(
                f"{version.name} version {version.version} was deleted and created again; the "
                "decision speaks of the old one."
            )
        target.mkdir(parents=True, exist_ok=True)
        return Path(
            mlflow.artifacts.download_artifacts(
                f"models:/{version.name}/{version.version}", dst_path=str(target)
            )
        )


def make_champion(version: ModelVersion) -> None:
    """Point the alias ``champion`` at a version and read it back.

    Raises:
        RegistryError: the alias ended up elsewhere, so somebody else moved it at the same time.
    """
    client = connect()
    with refusals():
        client.set_registered_model_alias(version.name, CHAMPION, version.version)
        now = client.get_model_version_by_alias(version.name, CHAMPION)
    if str(now.version) != version.version:
        raise RegistryError(
            f"the alias {CHAMPION} of {version.name} points at version {now.version} after it was "
            f"set to {version.version}; another promotion runs at the same time: look at both."
        )


def champion(name: str) -> ModelVersion | None:
    """The version that the alias ``champion`` of ``name`` points at."""
    from mlflow.exceptions import MlflowException

    try:
        found = connect().get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        with refusals():
            raise
    return ModelVersion(
        name=found.name, version=str(found.version), created_ms=found.creation_timestamp
    )


def _ensure_registered(client: "MlflowClient", name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            with refusals():
                raise
