"""How runs ended, as the evidence in MLflow tells: verdicts, proposals, justifications."""

import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from leanstage.contracts import Decision, ModelPolicy, ModelVersion
from leanstage.errors import InputError
from leanstage.gate.keeping import DECISION, KIND_TAG, PROPOSAL_KIND
from leanstage.registry import runs
from leanstage.registry.client import RegistryError, connect, pages, refusals
from leanstage.registry.runs import REQUEST_TAG
from leanstage.trigger.pulse import Step, each_page, go_on

log = logging.getLogger(__name__)

_VERDICT, _PROMOTED = "leanstage.verdict", "leanstage.promoted"


@dataclass(frozen=True)
class Evidence:
    """The MLflow run that a run left.

    Attributes:
        run_id: its id.
        blocked: its verdict is BLOCKED.
        promoted: a variant was promoted.
        proposal: it holds candidates to decide on.
        decided: when its latest decision was made, where that was asked for.
    """

    run_id: str
    blocked: bool = False
    promoted: bool = False
    proposal: bool = False
    decided: datetime | None = None


def evidence_of(
    names: Iterable[str], experiments: Sequence[str], step: Step = go_on
) -> dict[str, Evidence]:
    """What the runs of these names left in MLflow; runs that left nothing are missing.

    Raises:
        RegistryError: MLflow cannot be searched.
    """
    wanted = sorted(set(names))
    if not wanted:
        return {}
    client = connect()
    ids = _experiment_ids(client, experiments, step)
    found: dict[str, Evidence] = {}
    for name in wanted if ids else ():
        search = pages(
            each_page(client.search_runs, step),
            experiment_ids=ids,
            filter_string=f"tags.`{REQUEST_TAG}` = '{name}'",
            order_by=["attributes.start_time DESC"],
        )
        # A task that KFP tried again has opened a run of its own; the one that got furthest counts.
        told = [_told(run) for run in search]
        if told:
            found[name] = max(told, key=lambda each: (each.promoted, each.blocked, each.proposal))
    return found


def decided_at(run_id: str) -> datetime | None:
    """When the latest decision that is kept with a run was made.

    None where there is none, or none that tells a time with its zone.

    Raises:
        RegistryError: MLflow cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="leanstage-decision-") as scratch:
        try:
            path = runs.fetch_artifact(run_id, DECISION, Path(scratch))
        except RegistryError as error:
            if error.missing:
                return None
            raise
        except OSError:
            return None
        try:
            decided = datetime.fromisoformat(Decision.load(path).decided)
        except (InputError, ValueError):
            return None
        return decided if decided.tzinfo else None


def justifications(
    policies: Iterable[ModelPolicy], step: Step = go_on
) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Finished justifications where the policies look for them, the newest first.

    By model name and version. Whether one counts is for the gate to say; that one is there is
    reason enough to let it judge again.

    Raises:
        RegistryError: MLflow cannot be searched.
    """
    client = connect()
    places = {approver.experiment for policy in policies for approver in policy.approvers}
    ids = _experiment_ids(client, sorted(places), step)
    if not ids:
        return {}
    search = pages(
        each_page(client.search_runs, step),
        experiment_ids=ids,
        filter_string="attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
    )
    found: dict[tuple[str, str], list[str]] = {}
    for run in search:
        params = run.data.params
        key = params.get("model_name", ""), params.get("model_version", "")
        found.setdefault(key, []).append(str(run.info.run_id))
    return {key: tuple(run_ids) for key, run_ids in found.items()}


def key_of(version: ModelVersion) -> tuple[str, str]:
    """What :func:`justifications` files a version under."""
    return version.name, version.version


def _experiment_ids(client: Any, names: Iterable[str], step: Step) -> list[str]:
    ids = []
    for name in names:
        step()
        with refusals():
            found = client.get_experiment_by_name(name)
        if found is not None and found.name == name and found.lifecycle_stage == "active":
            ids.append(str(found.experiment_id))
        else:
            log.warning("MLflow has no such experiment", extra={"experiment": name})
    return ids


def _told(run: Any) -> Evidence:
    tags = run.data.tags
    return Evidence(
        run_id=str(run.info.run_id),
        blocked=tags.get(_VERDICT) == "BLOCKED",
        promoted=_PROMOTED in tags,
        proposal=tags.get(KIND_TAG) == PROPOSAL_KIND,
    )
