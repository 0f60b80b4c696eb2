"""The MLflow run that a starter's request led to, found again by the name it gave."""

from collections.abc import Mapping
from dataclasses import dataclass

from leanstage.registry.client import connect, pages, quoted
from leanstage.registry.runs import REQUEST_TAG


@dataclass(frozen=True)
class RequestedRun:
    """An MLflow run and its labels."""

    run_id: str
    tags: Mapping[str, str]


def run_of_request(request: str) -> RequestedRun | None:
    """The newest run with this name as its request, in any experiment that this account may read.

    Raises:
        RegistryError: MLflow cannot be asked.
    """
    client = connect()
    experiments = [str(found.experiment_id) for found in pages(client.search_experiments)]
    if not experiments:
        return None
    found = next(
        pages(
            client.search_runs,
            experiment_ids=experiments,
            filter_string=f"tags.`{REQUEST_TAG}` = {quoted(request)}",
            order_by=["attributes.start_time DESC"],
        ),
        None,
    )
    return None if found is None else RequestedRun(found.info.run_id, dict(found.data.tags))
