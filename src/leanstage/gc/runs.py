"""Runs of long ago: the candidates' bytes below them, and those that failed before any evidence."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from leanstage.gate.keeping import VARIANT
from leanstage.gc.artifacts import delete_files, files_of_run
from leanstage.gc.items import Item, Kept, Rules
from leanstage.registry.champions import COLLECTED
from leanstage.registry.client import connect, pages, refusals
from leanstage.registry.runs import set_tags
from leanstage.variant import MANIFEST

OURS = frozenset({"model", "baseline_digest", "policy", "policy_sha256"})
"""Parameters that a run of the line has from its first moment."""
ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})
FREED = "leanstage.freed"
"""The day on which the last of the candidates' files was gone; the run is not looked at again."""
DECIDING = " and ".join(
    ["params.proposal != ''", *(f"attributes.status != '{status}'" for status in sorted(ENDED))]
)
WEIGHTS = re.compile(rf"(optimized|fallback)/{VARIANT}/(?!attestation/)(?P<file>.+)")
PAPERS = frozenset({MANIFEST})
"""Of a candidate's folder this stays: it says what every technique tried and measured."""


def run_items(experiments: list[str], rules: Rules) -> Iterator[Item | Kept]:
    """What may go of the runs in these experiments (ids)."""
    if not experiments:
        return
    client = connect()
    found = [
        run
        for run in pages(client.search_runs, experiment_ids=experiments)
        if run.data.params.keys() >= OURS and FREED not in run.data.tags
    ]
    proposals = _under_decision()
    for run in found:
        if not _may_be_looked_at(run, rules) or run.info.run_id in proposals:
            continue
        files = files_of_run(run.info.run_id)
        weights = weights_of(files)
        if weights:
            yield _weights(run, weights, rules)
        elif not files and run.info.status in {"FAILED", "KILLED"}:
            yield from _failed(run, rules)


def weights_of(files: Mapping[str, int]) -> dict[str, int]:
    """The files of candidates that are no evidence, of all the files of a run."""
    found = {path: WEIGHTS.fullmatch(path) for path in files}
    return {
        path: files[path] for path, match in found.items() if match and match["file"] not in PAPERS
    }


def _under_decision() -> set[str]:
    """Proposals that some run decides on just now, in whichever experiment that run is."""
    client = connect()
    everywhere = [found.experiment_id for found in pages(client.search_experiments)]
    deciding = pages(client.search_runs, experiment_ids=everywhere, filter_string=DECIDING)
    return {run.data.params["proposal"] for run in deciding}


def _may_be_looked_at(run: Any, rules: Rules) -> bool:
    ended = run.info.status in ENDED and run.info.end_time
    return bool(ended) and rules.old(run.info.end_time)


def _weights(run: Any, weights: Mapping[str, int], rules: Rules) -> Item:
    def delete() -> bool:
        run_id, day = run.info.run_id, rules.now.date().isoformat()
        client = connect()
        with refusals():
            now = client.get_run(run_id)
        if not _may_be_looked_at(now, rules) or run_id in _under_decision():
            return False
        # First: whoever misses a file finds the reason, also where this is killed in between.
        set_tags(run_id, {COLLECTED: day})
        delete_files(run_id, sorted(weights))
        set_tags(run_id, {FREED: day})
        return True

    verdict = run.data.tags.get("leanstage.verdict", "no decision")
    reason = f"candidates of a run of long ago ({run.data.params['model']}, {verdict})"
    return Item("variant", run.info.run_id, sum(weights.values()), reason, delete)


def _failed(run: Any, rules: Rules) -> Iterator[Item | Kept]:
    run_id = run.info.run_id
    if any(name.startswith("leanstage.verdict") for name in run.data.tags):
        yield Kept(run_id, "it has a verdict, but the decision is gone")
        return
    if _pointed_at(run_id):
        return

    def delete() -> bool:
        if files_of_run(run_id) or _pointed_at(run_id):
            return False
        with refusals():
            connect().delete_run(run_id)
        return True

    reason = f"it {run.info.status.lower()} before there was any evidence"
    yield Item("failed run", run_id, 0, reason, delete)


def _pointed_at(run_id: str) -> bool:
    """Whether a version of a model came out of a run."""
    client = connect()
    with refusals():
        return bool(client.search_model_versions(f"run_id = '{run_id}'", max_results=1))
