"""Where the envelope lies: ``attestation/decision.dsse.json`` beside the promoted weights."""

import os
from pathlib import Path

from leanstage.contracts import write_atomically
from leanstage.gate.attestation.statement import VerificationError
from leanstage.variant.digest import ATTESTATION

FOLDER = ATTESTATION
ENVELOPE = "decision.dsse.json"


def lay(folder: Path, data: bytes) -> Path:
    """Lay an envelope beside the weights it speaks of, atomically; returns its path."""
    path = folder / ATTESTATION / ENVELOPE
    write_atomically(path, data)
    path.chmod(0o644)
    return path


def read(folder: Path) -> bytes:
    """The envelope beside the weights.

    Raises:
        VerificationError: there is none, or something else lies beside it.
    """
    place = folder / ATTESTATION
    try:
        real = place.is_dir() and not place.is_symlink()
        entries = {entry.name: entry for entry in os.scandir(place)} if real else {}
        envelope = entries.pop(ENVELOPE, None)
        if envelope is None or not envelope.is_file(follow_symlinks=False):
            raise VerificationError(
                f"{folder} holds no {ATTESTATION}/{ENVELOPE}, so nobody vouches for it; fetch the "
                "promoted version."
            )
        if entries:
            raise VerificationError(
                f"{folder} was changed after it was signed: {min(entries)!r} was added to "
                f"{ATTESTATION}/; fetch the promoted version again."
            )
        return Path(envelope.path).read_bytes()
    except OSError as error:
        raise VerificationError(f"{place} cannot be read: {error.strerror}.") from error
