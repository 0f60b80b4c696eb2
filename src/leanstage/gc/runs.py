"""Runs of long ago: the candidates' bytes below them, and those that failed before any evidence."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from leanstage.gate.keeping import VARIANT
from leanstage.gc.artifacts import delete_files, files_of_run
from leanstage.gc.items import Item, Kept, Rules
from leanstage.registry.champions import COLLECTED
from leanstage.registry.client import connect, pages, refusals
from leanstage.variant import MANIFEST

OURS = frozenset({"model", "baseline_digest", "policy", "policy_sha256"})
"""Parameters that a run of the line has from its first moment."""
ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})
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
        if run.data.params.keys() >= OURS and COLLECTED not in run.data.tags
    ]
    in_use = {
        run.data.params.get("proposal") for run in found if run.info.status not in ENDED
    }  # a decision on it is under way
    for run in found:
        if not _may_be_looked_at(run, rules) or run.info.run_id in in_use:
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


def _may_be_looked_at(run: Any, rules: Rules) -> bool:
    ended = run.info.status in ENDED and run.info.end_time
    return bool(ended) and rules.old(run.info.end_time)


def _weights(run: Any, weights: Mapping[str, int], rules: Rules) -> Item:
    def delete() -> bool:
        client = connect()
        with refusals():
            now = client.get_run(run.info.run_id)
        if not _may_be_looked_at(now, rules):
            return False
        delete_files(run.info.run_id, sorted(weights))
        with refusals():
            client.set_tag(run.info.run_id, COLLECTED, rules.now.date().isoformat())
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
