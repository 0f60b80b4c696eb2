"""What the signature behind an address vouches for, before any of its files is fetched."""

from datetime import datetime
from pathlib import Path, PurePosixPath

from leanstage.delivery.address import Address
from leanstage.gate import attestation
from leanstage.gate.attestation import Trust, VerificationError, Verified
from leanstage.registry.stored import Stored

PATH = f"{attestation.FOLDER}/{attestation.ENVELOPE}"
_MOST = 16 << 20


def signed_envelope(stored: Stored, scratch: Path) -> bytes:
    """The envelope beside stored weights, not opened yet.

    Raises:
        VerificationError: there is none.
    """
    path = scratch / attestation.ENVELOPE
    # Of an earlier attempt: another decision on the same bytes may have come since.
    path.unlink(missing_ok=True)
    size = stored.size(PATH)
    if size is None or size > _MOST:
        raise VerificationError(
            f"{stored.location} holds no {PATH}, so nobody vouches for it; serve what the gate "
            "promoted."
        )
    stored.fetch(PATH, path, size=size)
    return path.read_bytes()


def promised(address: Address, envelope: bytes, trust: Trust, now: datetime) -> Verified:
    """What an envelope says of an address.

    Raises:
        VerificationError: signature, revocation, expiry, name or digest do not hold.
    """
    verified = Verified(*attestation.open_signed(envelope, trust))
    attestation.require_valid(verified, trust, now)
    require_same(address, verified)
    for entry in verified.statement.predicate.files:
        path = PurePosixPath(entry.path)
        if path.is_absolute() or ".." in path.parts:
            raise VerificationError(f"the decision signs the file {entry.path!r}, outside of it.")
    return verified


def require_same(address: Address, verified: Verified) -> None:
    """Make sure that a verified variant is the one that an address names.

    Raises:
        VerificationError: it is another one.
    """
    name = verified.policy.promoted_to(verified.decision.source.name)
    if Address(name, verified.digest) != address:
        raise VerificationError(
            f"what lies behind {address} is signed as {Address(name, verified.digest)}; serve it "
            "under that address, or the other model under its own."
        )
