"""What a plan needs to know: looked up only where it decides something."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from leanstage.trigger.backends.base import ACTIVE, Backend, Started
from leanstage.trigger.catalog import Version
from leanstage.trigger.evidence import Evidence, decided_at, evidence_of, justifications
from leanstage.trigger.names import DECIDE, RunName
from leanstage.trigger.planning import Known, Policy, followed, new_justification
from leanstage.trigger.policies import policies_of
from leanstage.trigger.pulse import Step, go_on
from leanstage.trigger.settings import Settings


def look_up(
    versions: Iterable[Version],
    active: Mapping[str, Started],
    backend: Backend,
    settings: Settings,
    step: Step = go_on,
) -> Known:
    """Policies, the runs that versions are at, and the evidence of those that ended.

    Raises:
        LeanstageError: MLflow or the backend does not answer.
    """
    versions = list(versions)
    policies = policies_of(
        (version.key.name for version in versions),
        split=settings.split,
        hardware=settings.needs_hardware,
    )
    at = [name for version in versions if (name := followed(version)) is not None]
    runs = {name: active[name] for name in at if name in active}
    runs |= backend.find((name for name in at if name not in runs), step)
    known = Known(policies, runs=runs, justified=_justified(versions, policies, step))
    ended = [RunName.parse(name) for name in at if not _running(runs.get(name))]
    again = [
        RunName.parse(version.note.run)
        for version in versions
        if version.note is not None and new_justification(version, known) is not None
    ]
    names = (name for name in (*ended, *again) if name is not None)
    evidence = _evidence(names, settings, step)
    decided = _decided((name for name in ended if name is not None), evidence, step)
    return replace(known, evidence=evidence, decided=decided)


def _running(run: Started | None) -> bool:
    return run is not None and run.state == ACTIVE


def _justified(
    versions: Iterable[Version], policies: Mapping[str, Policy | str], step: Step
) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Asked only where some version is blocked, and of the policies that cover such versions."""
    blocked = {
        version.key.name
        for version in versions
        if version.note is not None and version.note.status == "blocked"
    }
    covering = (policies[name] for name in blocked)
    return justifications((each.policy for each in covering if isinstance(each, Policy)), step)


def _evidence(names: Iterable[RunName], settings: Settings, step: Step) -> dict[str, Evidence]:
    """By the run that left it: decisions where the gate leaves its runs, the rest elsewhere."""
    of_gate: set[str] = set()
    of_user: set[str] = set()
    for name in names:
        (of_gate if DECIDE in name.judged else of_user).add(name.judged)
        of_user.add(name.judged.partition(DECIDE)[0])
    return evidence_of(of_user, settings.experiments(), step) | evidence_of(
        of_gate, settings.experiments(gate=True), step
    )


def _decided(
    names: Iterable[RunName], evidence: Mapping[str, Evidence], step: Step
) -> dict[str, datetime]:
    found = {}
    for name in names:
        left = evidence.get(name.judged)
        if name.step != "rejudge" or left is None or not left.blocked:
            continue
        step()
        decided = decided_at(left.run_id)
        # A broken document tells nothing; the run counts as failed.
        if decided is not None:
            found[name.text] = decided
    return found
