"""The champion of a registered model, as its signature describes it, into service."""

import tempfile
from datetime import datetime
from pathlib import Path

from leanstage import progress
from leanstage.contracts import ModelVersion, Target, VariantManifest
from leanstage.delivery.address import Address
from leanstage.delivery.envelope import promised, signed_envelope
from leanstage.delivery.rollout import Rollout, roll_out
from leanstage.delivery.service import Wanted
from leanstage.gate import attestation
from leanstage.gate.attestation import Trust, VerificationError
from leanstage.registry import runs
from leanstage.registry.client import RegistryError
from leanstage.registry.stored import Stored
from leanstage.registry.versions import digest_of_version, model_of
from leanstage.variant.digest import MANIFEST, file_sha256


def deliver(
    version: ModelVersion,
    trust: Trust,
    now: datetime,
    *,
    target: Target | None = None,
    minutes: float | None = None,
    replaced: ModelVersion | None = None,
) -> Rollout | None:
    """Let the service of a promoted version serve it; None where no policy names one.

    Nothing but the signed statement says what is served, and where. Which version is the champion
    is what the registry says.

    Args:
        target: instead of what the policy says, as it was signed.
        minutes: to wait, instead of what either says.
        replaced: the champion before, by whose policy it may serve where ``version``'s names no
            service.

    Raises:
        VerificationError: signature, revocation, expiry or manifest do not hold.
        RolloutError: it does not serve.
    """
    wanted = wanted_of(version, trust, now)
    place = target or wanted.policy.target
    if place is None and replaced is not None:
        place = _signed_target(replaced, trust)
    if place is None:
        return None
    if minutes is not None:
        place = place.model_copy(update={"ready_minutes": minutes})
    done = roll_out(wanted, place)
    _note(wanted, done)
    return done


def wanted_of(version: ModelVersion, trust: Trust, now: datetime) -> Wanted:
    """What a promoted version asks of a service."""
    address = Address(version.name, digest_of_version(version))
    stored = Stored(model_of(version))
    with tempfile.TemporaryDirectory(prefix="leanstage-rollout-") as scratch:
        verified = promised(address, signed_envelope(stored, Path(scratch)), trust, now)
        (entry,) = (one for one in verified.statement.predicate.files if one.path == MANIFEST)
        path = Path(scratch) / MANIFEST
        stored.fetch(MANIFEST, path, size=entry.size)
        if file_sha256(path) != entry.sha256:
            raise VerificationError(
                f"{MANIFEST} of version {version.version} of {version.name} is not what was "
                "signed; promote again."
            )
        manifest = VariantManifest.load(path)
    return Wanted(version, verified.decision, verified.policy, manifest)


def _signed_target(version: ModelVersion, trust: Trust) -> Target | None:
    """Where a champion served that may be revoked by now; None where nothing vouches for it."""
    with tempfile.TemporaryDirectory(prefix="leanstage-rollout-") as scratch:
        try:
            envelope = signed_envelope(Stored(model_of(version)), Path(scratch))
            return attestation.open_envelope(envelope, trust).predicate.policy.target
        except (VerificationError, RegistryError):
            return None


def _note(wanted: Wanted, done: Rollout) -> None:
    """Where it serves, on the run of the decision; it does so without the note as well."""
    place = f"{done.namespace}/{done.service}"
    try:
        runs.set_tags(wanted.decision.run_id, {"leanstage.serves": place})
    except RegistryError as error:
        progress.step(f"not noted in MLflow that {place} serves it: {error}")
