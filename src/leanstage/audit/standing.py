"""How one serving version stands, by what a trusted gate signed about it."""

import hashlib
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leanstage.audit.figures import figures
from leanstage.audit.inventory import Serving
from leanstage.audit.papers import (
    envelope_at,
    manifest_at,
    place_of,
    whole_folder,
)
from leanstage.audit.places import Places
from leanstage.contracts import (
    AuditEntry,
    AuditStatus,
    VariantManifest,
)
from leanstage.errors import InputError, LeanstageError
from leanstage.gate import attestation
from leanstage.gate.attestation import ExpiredError, Trust, VerificationError, Verified
from leanstage.registry.champions import DECISION, STATE
from leanstage.registry.versions import DIGEST_TAG
from leanstage.variant.digest import MANIFEST, digest_of, file_entries, manifest_fields


class DriftedError(VerificationError):
    """What lies at the place is not what was signed."""


@dataclass(frozen=True)
class Examiner:
    """Holds versions against the keys to trust.

    Attributes:
        trust: the keys; a sentence where there are none, so that no signature can be verified.
        now: the moment at which a promotion must hold.
        whole: download every promoted version and hash each byte of it.
        places: where stored models lie, as far as it was asked.
    """

    trust: Trust | str
    now: datetime
    whole: bool = False
    places: Places = field(default_factory=Places)

    def entry(self, found: Serving) -> AuditEntry:
        """How a version stands; what cannot be read is an entry with an ``error``."""
        known: dict[str, Any] = {
            "model": found.model,
            "version": found.version,
            "aliases": found.aliases,
        }
        if found.problem or found.version is None:
            return AuditEntry(
                **known, status="unverifiable", reason=_UNREAD, error=found.problem or _UNREAD
            )
        registered = datetime.fromtimestamp(found.found.creation_timestamp / 1000, UTC)
        known |= {
            "registered": registered.isoformat(timespec="seconds"),
            "age_days": max(0.0, round((self.now - registered).total_seconds() / 86_400, 1)),
        }
        tags = dict(found.found.tags)
        if STATE not in tags and DECISION not in tags:
            return AuditEntry(**known, status="never-evaluated", reason=_never(tags))
        try:
            known |= self._judged(found.model, str(found.found.source), tags)
        except DriftedError as error:
            known |= {"status": "drifted", "reason": str(error)}
        except VerificationError as error:
            known |= {"status": "unverifiable", "reason": str(error)}
        except LeanstageError as error:
            known |= {"status": "unverifiable", "reason": _UNREAD, "error": str(error)}
        return AuditEntry(**known)

    def _judged(self, model: str, source: str, tags: dict[str, str]) -> dict[str, Any]:
        state = tags.get(STATE)
        if state != "promoted":
            raise VerificationError(
                f"its promotion was never finished (state {state or 'none'}), and an alias points "
                "at it; look who moved the alias."
            )
        if isinstance(self.trust, str):
            raise LeanstageError(self.trust)
        place = place_of(source, self.places)
        verified = Verified(*attestation.open_signed(envelope_at(place), self.trust))
        expired = self._expired(verified, self.trust)
        _require_meant(verified, model)
        _require_tag(verified, tags)
        manifest = _manifest(place, verified)
        if self.whole:
            _require_bytes(place, verified)
        return figures(verified, manifest) | _status(verified, expired)

    def _expired(self, verified: Verified, trust: Trust) -> str:
        """Why the justification holds no longer; empty where it does, or there is none."""
        try:
            attestation.require_valid(verified, trust, self.now)
        except ExpiredError as error:
            return str(error)
        return ""


_UNREAD = "Its evidence could not be read."


def _never(tags: dict[str, str]) -> str:
    noted = tags.get("leanstage.status")
    if noted in ("queued", "running", "blocked", "failed", "unconfigured"):
        return f"No gate promoted it; the trigger noted {noted} on it."
    return "No gate promoted it."


def _require_meant(verified: Verified, model: str) -> None:
    meant = verified.policy.promoted_to(verified.decision.source.name)
    if meant != model:
        raise DriftedError(f"the signed decision promotes it as a version of {meant}, not here.")


def _require_tag(verified: Verified, tags: dict[str, str]) -> None:
    tag = tags.get(DIGEST_TAG)
    if tag != verified.digest:
        raise DriftedError(
            f"its tag {DIGEST_TAG} says {tag or 'nothing'}, and the signed decision speaks of "
            f"{verified.digest}; promote again."
        )


def _manifest(place: str, verified: Verified) -> VariantManifest:
    """The manifest beside the weights, held to what was signed."""
    data = manifest_at(place)
    signed = next(each for each in verified.statement.predicate.files if each.path == MANIFEST)
    if hashlib.sha256(data).hexdigest() != signed.sha256:
        raise DriftedError(f"its {MANIFEST} is not the one that was signed; promote again.")
    return VariantManifest.parse(data.decode(), where=f"{MANIFEST} beside the weights")


def _require_bytes(place: str, verified: Verified) -> None:
    with tempfile.TemporaryDirectory(prefix="leanstage-audit-") as scratch:
        folder = whole_folder(place, Path(scratch))
        try:
            found = digest_of(file_entries(folder), manifest_fields(folder))
        except InputError as error:
            raise DriftedError(f"its bytes cannot be hashed: {error}") from error
    if found != verified.digest:
        raise DriftedError(
            f"its bytes hash to {found}, and the signed decision promotes {verified.digest}; "
            "promote again."
        )


def _status(verified: Verified, expired: str) -> dict[str, Any]:
    use = verified.justification
    status: AuditStatus
    if expired:
        status, reason = "justification-expired", expired
    elif use is not None:
        status, reason = "justified", f"{use.author}, until {use.expires}: {use.reason}"
    else:
        status, reason = "optimized", verified.decision.sentence
    return {"status": status, "reason": reason}
