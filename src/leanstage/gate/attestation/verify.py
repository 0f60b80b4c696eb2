"""Is this folder, to the byte, what a trusted gate promoted, and does the promotion still hold?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from leanstage.contracts import (
    Decision,
    FileEntry,
    JustificationUse,
    ModelPolicy,
    Statement,
    last_moment,
)
from leanstage.errors import InputError
from leanstage.gate.attestation.envelope import open_signed
from leanstage.gate.attestation.folder import read
from leanstage.gate.attestation.statement import VerificationError
from leanstage.gate.attestation.trust import Trust
from leanstage.variant.digest import digest_of, file_entries, manifest_fields

SHOWN = 3
"""File names of each kind that a message lists at most."""


class ExpiredError(VerificationError):
    """The baseline was promoted on a justification that holds no longer."""


@dataclass(frozen=True)
class Verified:
    """What holds for a folder: the signed statement, and the id of the key that signed it."""

    statement: Statement
    keyid: str

    @property
    def decision(self) -> Decision:
        """What was decided."""
        return self.statement.predicate.decision

    @property
    def policy(self) -> ModelPolicy:
        """Under which policy."""
        return self.statement.predicate.policy

    @property
    def digest(self) -> str:
        """The content digest of the folder."""
        return self.statement.subject[0].digest.sha256

    @property
    def signed(self) -> str:
        """When it was signed, UTC."""
        return self.statement.predicate.signed

    @property
    def justification(self) -> JustificationUse | None:
        """Why the baseline ships, where it does."""
        return self.decision.justification


def verify(folder: Path, trust: Trust, now: datetime) -> Verified:
    """Verify a promoted folder: signature, decision, revocations, expiry, and every byte.

    Each file is read once. Nothing is written.

    Args:
        now: the moment at which the promotion must hold, with its time zone.

    Raises:
        VerificationError: the folder must not be served; the message says why.
    """
    if now.tzinfo is None:
        raise InputError("The time of the verification has no time zone; give it in UTC.")
    verified = Verified(*open_signed(read(folder), trust))
    require_valid(verified, trust, now)
    try:
        entries = file_entries(folder, card=True)
        _require_same(folder, verified.statement.predicate.files, entries)
        digest = digest_of(entries, manifest_fields(folder))
    except InputError as error:
        raise VerificationError(str(error)) from error
    except OSError as error:
        raise VerificationError(
            f"{error.filename or folder} cannot be read: {error.strerror}."
        ) from error
    if digest != verified.digest:
        raise VerificationError(
            f"{folder} hashes to {digest}, the decision promotes {verified.digest}; fetch the "
            "promoted version again."
        )
    return verified


def require_valid(verified: Verified, trust: Trust, now: datetime) -> None:
    """Make sure that what was signed is a promotion that still holds; no byte is looked at.

    Raises:
        ExpiredError: its justification has expired.
        VerificationError: nothing was promoted, or the variant is revoked.
    """
    decision = verified.decision
    if decision.promoted is None:
        raise VerificationError(
            f"the decision is BLOCKED, nothing was promoted: {decision.sentence}"
        )
    revoked = trust.revocations.digests.get(verified.digest)
    if revoked is not None:
        raise VerificationError(f"the variant {verified.digest} is revoked: {revoked}.")
    use = verified.justification
    if use is None:
        return
    last = last_moment(use.expires)
    if last is None or last < now:
        raise ExpiredError(
            f"the justification {use.run_id}, on which the baseline was promoted, expired on "
            f"{use.expires}; have an approver justify it again, or promote an optimized variant."
        )


def _require_same(folder: Path, signed: Sequence[FileEntry], found: Sequence[FileEntry]) -> None:
    if list(signed) == list(found):
        return
    then = {entry.path: entry for entry in signed}
    now = {entry.path: entry for entry in found}
    kinds = {
        "changed": [path for path in then if path in now and then[path] != now[path]],
        "added": [path for path in now if path not in then],
        "removed": [path for path in then if path not in now],
    }
    what = [f"{_some(paths)} {kind}" for kind, paths in kinds.items() if paths]
    raise VerificationError(
        f"{folder} is not what was signed: {', '.join(what) or 'its files in another order'}; "
        "fetch the promoted version again."
    )


def _some(paths: Sequence[str]) -> str:
    """The first few paths, in quotes: a name may hold anything."""
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(map(repr, paths[:SHOWN])) + more
