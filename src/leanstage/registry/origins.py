"""What a registered version was made of: whoever may edit that had a hand in the version."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leanstage.contracts import ModelVersion
from leanstage.registry.client import RegistryError, connect, refusals

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LOGGED = re.compile(r"models:/+([^/@]+)")
_COPIED = re.compile(r"models:/+([^/@]+)/(\d+)")
_OF_RUN = re.compile(r"runs:/+([^/]+)(?:/.*)?")
_PROXIED = re.compile(r"mlflow-artifacts:(?://[^/]*)?/(?:workspaces/[^/]+/)?(\d+)(?:/.*)?")


@dataclass(frozen=True)
class Origin:
    """Names of registered models and ids of experiments behind one version."""

    models: tuple[str, ...]
    experiments: tuple[str, ...]


def origin(source: ModelVersion) -> Origin:
    """The registered model of a version, those it was copied from, and where its bytes lie.

    Raises:
        RegistryError: part of that line is gone or of an unknown form, so that it cannot be told
            any more who had a hand in it.
    """
    client = connect()
    line: dict[tuple[str, str], set[str]] = {}
    step: tuple[str, str] | None = (source.name, source.version)
    while step is not None:
        if step in line:
            # Versions of models that were deleted and created again can name each other.
            raise RegistryError(f"{step[0]} version {step[1]} was copied from itself")
        with refusals():
            found = client.get_model_version(*step)
            place = str(client.get_model_version_download_uri(*step))
        stated = str(found.source)
        line[step] = _below(place) | _made_in(client, stated, found.run_id)
        copied = _COPIED.fullmatch(stated)
        step = (copied[1], copied[2]) if copied else None
    return Origin(
        models=tuple(sorted({name for name, _ in line})),
        experiments=tuple(sorted(set().union(*line.values()))),
    )


def _made_in(client: "MlflowClient", stated: str, run_id: str | None) -> set[str]:
    """Experiments of the logged model and the runs that a version names as its source."""
    experiments: set[str] = set()
    runs = {run_id} if run_id else set()
    if match := _OF_RUN.fullmatch(stated):
        runs.add(match[1])
    elif match := _LOGGED.fullmatch(stated):
        with refusals():
            logged = client.get_logged_model(match[1])
        experiments |= {str(logged.experiment_id)} | _below(str(logged.artifact_location))
        runs |= {logged.source_run_id} if logged.source_run_id else set()
    elif stated.startswith("models:") and not _COPIED.fullmatch(stated):
        raise RegistryError(f"the source {stated} is of a form that is not known here")
    for each in runs:
        with refusals():
            run = client.get_run(each)
        experiments |= {str(run.info.experiment_id)} | _below(str(run.info.artifact_uri))
    return experiments


def _below(uri: str) -> set[str]:
    """The experiment whose editors may write to a place.

    An experiment can keep its files below another one; MLflow then asks about that other one.
    """
    match = _PROXIED.fullmatch(uri)
    return {match[1]} if match else set()
