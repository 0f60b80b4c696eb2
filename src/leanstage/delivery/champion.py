"""The champion of a registered model, as its signature describes it, into service."""

import tempfile
from datetime import datetime
from pathlib import Path

from leanstage.contracts import ModelVersion, Target, VariantManifest
from leanstage.delivery.address import Address
from leanstage.delivery.envelope import promised, signed_envelope
from leanstage.delivery.rollout import Rollout, roll_out
from leanstage.delivery.service import Wanted
from leanstage.gate.attestation import Trust, VerificationError
from leanstage.registry import runs
from leanstage.registry.stored import Stored
from leanstage.registry.versions import digest_of_version, model_of
from leanstage.variant.digest import MANIFEST, file_sha256


def deliver(
    version: ModelVersion, trust: Trust, now: datetime, target: Target | None = None
) -> Rollout | None:
    """Let the service of a promoted version serve it; None where its policy names none.

    Nothing but the signed statement says what is served, and where: not the tags of the version.

    Args:
        target: instead of what the policy says, as it was signed.

    Raises:
        VerificationError: signature, revocation, expiry or manifest do not hold.
        RolloutError: it does not serve.
    """
    wanted = wanted_of(version, trust, now)
    place = target or wanted.policy.target
    if place is None:
        return None
    done = roll_out(wanted, place)
    runs.set_tags(wanted.decision.run_id, {"leanstage.serves": f"{done.namespace}/{done.service}"})
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
