"""Registered versions: bytes in, a version that points at them, bytes out."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from leanstage.contracts import ModelVersion
from leanstage.registry.client import (
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
    model_id = store(variant, experiment=experiment, run_id=run_id, tags=tags)
    return create_version(name, model_id, digest=variant.digest, run_id=run_id, tags=tags)


def store(variant: Variant, *, experiment: str, run_id: str | None, tags: Mapping[str, str]) -> str:
    """Keep a variant's folder, attestation included, under its digest; returns the model's id."""
    client = connect()
    with refusals():
        model = client.create_logged_model(
            experiment_id(client, experiment),
            name=f"sha256-{variant.digest}",
            source_run_id=run_id,
            tags={DIGEST_TAG: variant.digest, **tags},
        )
        client.log_model_artifacts(model.model_id, str(variant.path))
        client.finalize_logged_model(model.model_id, "READY")
    return str(model.model_id)


def stored(experiment: str, tags: Mapping[str, str]) -> str | None:
    """The id of a model that was stored completely under these tags; half-stored ones are closed.

    They keep their bytes, marked as failed: what a killed run left is never mistaken for whole.
    """
    client = connect()
    with refusals():
        found = client.get_experiment_by_name(experiment)
        if found is None:
            return None
        models = client.search_logged_models(
            experiment_ids=[found.experiment_id],
            filter_string=" and ".join(f"tags.`{key}` = '{tags[key]}'" for key in sorted(tags)),
        )
        for model in models:
            if model.status == "PENDING":
                client.finalize_logged_model(model.model_id, "FAILED")
    return next((str(model.model_id) for model in models if model.status == "READY"), None)


def create_version(
    name: str,
    model_id: str,
    *,
    digest: str,
    run_id: str | None,
    tags: Mapping[str, str],
    description: str = "",
) -> ModelVersion:
    """Register a stored model as the next version of ``name``.

    Args:
        description: Markdown, which MLflow shows beside the version.
    """
    client = connect()
    ensure_registered(client, name)
    with refusals():
        version = client.create_model_version(
            name,
            source=f"models:/{model_id}",
            run_id=run_id,
            tags={DIGEST_TAG: digest, **tags},
            model_id=model_id,
            description=description or None,
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


def download_files(version: ModelVersion, names: Iterable[str], target: Path) -> Path:
    """Some files of a version, below ``target``.

    Raises:
        RegistryError: one of them cannot be fetched.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    connect()
    target.mkdir(parents=True, exist_ok=True)
    root = f"models:/{version.name}/{version.version}"
    for name in names:
        try:
            mlflow.artifacts.download_artifacts(f"{root}/{name}", dst_path=str(target))
        except (MlflowException, OSError) as error:
            raise RegistryError(
                f"{root} has no {name} that can be fetched; promote it again, or ask whoever runs "
                "MLflow if its files are there."
            ) from error
    return target


def digest_of_version(version: ModelVersion) -> str:
    """The content digest that a version says it has.

    Raises:
        RegistryError: it says none, or is gone.
    """
    with refusals():
        found = connect().get_model_version(version.name, version.version)
    digest = found.tags.get(DIGEST_TAG)
    if not digest:
        raise RegistryError(
            f"{version.name} version {version.version} names no digest; no gate promoted it."
        )
    return str(digest)


def model_of(version: ModelVersion) -> str:
    """The id of the stored model behind a version."""
    with refusals():
        found = connect().get_model_version(version.name, version.version)
    prefix, _, model_id = str(found.source).rpartition("/")
    if prefix != "models:" or not model_id.startswith("m-"):
        raise RegistryError(
            f"{version.name} version {version.version} points at no stored model; promote again."
        )
    return model_id


def aliased(name: str, alias: str) -> ModelVersion | None:
    """The version that an alias of ``name`` points at."""
    from mlflow.exceptions import MlflowException

    client = connect()
    with refusals():
        # A server with permissions answers for a model that is not there: permission denied.
        if not client.search_model_versions(f"name = {quoted(name)}", max_results=1):
            return None
    try:
        found = client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        with refusals():
            raise
    return ModelVersion(
        name=found.name, version=str(found.version), created_ms=found.creation_timestamp
    )


def ensure_registered(client: "MlflowClient", name: str) -> None:
    """Make a registered model where it is missing."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            with refusals():
                raise
