"""Rollback: an earlier champion serves again, as a new version of the same bytes."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from leanstage import progress
from leanstage.contracts import ModelVersion
from leanstage.errors import InputError
from leanstage.gate import attestation
from leanstage.gate.approvals import require_not_taken_back
from leanstage.registry import champions
from leanstage.registry.champions import Entry
from leanstage.registry.versions import DIGEST_TAG, create_version, download, model_of

ROLLED_BACK_TO = "leanstage.rollback"


@dataclass(frozen=True)
class Rollback:
    """``new`` holds the bytes of ``restored`` and serves instead of ``replaced``."""

    new: ModelVersion
    restored: ModelVersion
    replaced: ModelVersion


def roll_back(name: str, to: str | None = None) -> Rollback:
    """Make an earlier champion of ``name`` the champion again.

    Its bytes, its signature, the keys and digests revoked since, and whether its justification has
    expired or was taken back, are verified as they are now.

    Args:
        name: registered model that holds the champion.
        to: number of the version to return to; None is the one that served before.

    Raises:
        InputError: there is no such earlier champion.
        LeanstageError: it can no longer be trusted.
        ChampionError: a promotion runs at the same time.
    """
    promoted = champions.promoted_entries(champions.history(name))
    if not promoted:
        raise InputError(f"the model {name} has no champion that a gate promoted.")
    chosen = _chosen(name, promoted, to)
    now = promoted[0].version
    champions.require_free(name, now, mine=None)
    progress.step(f"verifying version {chosen.version.version}")
    with tempfile.TemporaryDirectory(prefix="leanstage-rollback-") as scratch:
        folder = download(chosen.version, Path(scratch))
        verified = attestation.verify(folder, attestation.trusted_keys(), datetime.now(UTC))
    if verified.justification is not None:
        require_not_taken_back(verified.justification)
    kept = {
        key: value
        for key, value in chosen.tags.items()
        if key in ("leanstage.role", "leanstage.verdict", "leanstage.source")
    }
    signed = chosen.tags[champions.DECISION]
    version = create_version(
        name,
        model_of(chosen.version),
        digest=chosen.tags[DIGEST_TAG],
        run_id=None,
        tags={
            **kept,
            **champions.claim_tags(signed, now),
            ROLLED_BACK_TO: chosen.version.version,
        },
        description=chosen.description,
    )
    try:
        champions.require_free(name, now, mine=version)
    except champions.ChampionError:
        champions.set_state(version, "abandoned")
        raise
    champions.set_state(version, "promoted")
    champions.settle(name)
    return Rollback(version, chosen.version, now)


def _chosen(name: str, promoted: list[Entry], to: str | None) -> Entry:
    """The champion to return to: a rollback of a rollback goes further back, not to and fro."""
    there = [entry for entry in promoted[1:] if champions.COLLECTED not in entry.tags]
    if to is not None:
        found = [entry for entry in there if entry.version.version == to]
        if not found:
            earlier = ", ".join(entry.version.version for entry in there) or "none"
            raise InputError(
                f"version {to} of {name} is no earlier champion whose bytes are kept; those are: "
                f"{earlier}."
            )
        return found[0]
    serving = promoted[0]
    origin = int(serving.tags.get(ROLLED_BACK_TO, serving.version.version))
    earlier_ones = [
        entry
        for entry in there
        if entry.number < origin and entry.tags[DIGEST_TAG] != serving.tags[DIGEST_TAG]
    ]
    if not earlier_ones:
        raise InputError(f"the model {name} has no earlier champion to return to.")
    return earlier_ones[0]
