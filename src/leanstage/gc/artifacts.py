"""Files in MLflow's artifact stores: listed with their sizes, deleted one by one."""

from collections.abc import Callable, Iterator
from typing import Any

from leanstage.registry.client import connect, refusals

Listing = Callable[[str | None], Any]


def files_of_run(run_id: str, folder: str | None = None) -> dict[str, int]:
    """Every file below a folder of a run, with its bytes."""
    client = connect()
    return dict(_walk(lambda path: client.list_artifacts(run_id, path), folder))


def files_of_model(model_id: str) -> dict[str, int]:
    """Every file of a stored model, with its bytes."""
    client = connect()
    return dict(_walk(lambda path: client.list_logged_model_artifacts(model_id, path), None))


def _walk(listing: Listing, folder: str | None) -> Iterator[tuple[str, int]]:
    with refusals():
        found = listing(folder)
    for entry in found:
        if entry.is_dir:
            yield from _walk(listing, entry.path)
        else:
            yield entry.path, int(entry.file_size or 0)


def delete_files(run_id: str, paths: list[str]) -> None:
    """Delete files of a run from its artifact store, at once and for good.

    MLflow's client has no call for it; its artifact repositories do, on a server as well, where it
    takes the permission MANAGE on the experiment.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    with refusals():
        repository = get_artifact_repository(connect().get_run(run_id).info.artifact_uri)
        for path in paths:
            repository.delete_artifacts(path)
