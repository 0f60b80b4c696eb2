"""The card beside a promoted variant, read only as it was signed."""

import hashlib
import tempfile
from datetime import datetime
from pathlib import Path

from leanstage.errors import InputError
from leanstage.gate import attestation
from leanstage.gate.attestation import Trust, VerificationError, Verified
from leanstage.registry.sources import version_named
from leanstage.registry.versions import download_files
from leanstage.variant.digest import CARD


def signed_card(place: str, trust: Trust, now: datetime) -> str:
    """The card of a promoted variant; of its other files none is fetched or read.

    Args:
        place: a folder, ``models:/name/3`` or ``models:/name@alias``.
        now: the moment at which the promotion must hold, with its time zone.

    Raises:
        InputError: there is no such folder or version.
        RegistryError: its files cannot be fetched.
        VerificationError: the card is missing or another than was signed, or its signature or its
            promotion does not hold.
    """
    if not place.startswith("models:"):
        if not Path(place).is_dir():
            raise InputError(f"{place} is not a folder; name that of a promoted variant.")
        return _read(Path(place), place, trust, now)
    with tempfile.TemporaryDirectory(prefix="leanstage-card-") as scratch:
        names = (CARD, f"{attestation.FOLDER}/{attestation.ENVELOPE}")
        folder = download_files(version_named(place), names, Path(scratch))
        return _read(folder, place, trust, now)


def _read(folder: Path, place: str, trust: Trust, now: datetime) -> str:
    verified = Verified(*attestation.open_signed(attestation.read(folder), trust))
    attestation.require_valid(verified, trust, now)
    signed = {entry.path: entry.sha256 for entry in verified.statement.predicate.files}
    if CARD not in signed:
        raise VerificationError(
            f"{place} was promoted without a model card; promote it again to have one."
        )
    try:
        data = (folder / CARD).read_bytes()
    except OSError as error:
        raise VerificationError(
            f"{place} lacks the {CARD} that was signed; fetch the promoted version again."
        ) from error
    if hashlib.sha256(data).hexdigest() != signed[CARD]:
        raise VerificationError(
            f"the {CARD} of {place} is not the one that was signed; fetch the promoted version "
            "again."
        )
    return data.decode()
