"""What a pod does before it serves: brings exactly the signed bytes, or says why it must not."""

import hashlib
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from leanstage import progress
from leanstage.contracts import FileEntry
from leanstage.delivery.address import Address
from leanstage.delivery.envelope import promised, require_same, signed_envelope
from leanstage.errors import InputError, LeanstageError
from leanstage.gate import attestation
from leanstage.gate.attestation import Trust, VerificationError, Verified
from leanstage.registry import champions
from leanstage.registry.champions import COLLECTED
from leanstage.registry.stored import Stored
from leanstage.registry.versions import DIGEST_TAG, model_of
from leanstage.variant.digest import MANIFEST, file_sha256

STAGING = ".fetching"
"""Below the target: what is not verified yet, kept for the next attempt where this one breaks."""
AT_ONCE = 4


def fetch(address: Address, target: Path, trust: Trust, now: datetime) -> Verified:
    """Bring a promoted variant to ``target``, verified; a broken download goes on where it was.

    Nothing lies at its place in ``target`` before every byte was verified.

    Args:
        now: the moment at which the promotion must hold, with its time zone.

    Raises:
        InputError: there is no such promoted variant, or ``target`` holds something else.
        VerificationError: signature, revocation, expiry, name, digest or bytes do not hold.
        RegistryError: MLflow does not answer, or does not give the files.
    """
    if (there := _already(address, target, trust, now)) is not None:
        return there
    stored = Stored(_model(address))
    staging = _staging(target, address)
    envelope = signed_envelope(stored, staging)
    signed = promised(address, envelope, trust, now)
    files = signed.statement.predicate.files
    if any(entry.path.startswith(STAGING) for entry in files):
        raise VerificationError(f"{address} holds a file in {STAGING}, which is not its place.")
    draft = staging / "files"
    _take_back(target, draft, files)
    _require_room(target, draft, files)
    _bring(stored, draft, staging / "parts", files)
    attestation.lay(draft, envelope)
    try:
        verified = attestation.verify(draft, trust, now)
    except VerificationError:
        # Whatever came in between, the next attempt begins with nothing.
        shutil.rmtree(staging)
        raise
    _settle(draft, target)
    shutil.rmtree(staging)
    return verified


def _already(address: Address, target: Path, trust: Trust, now: datetime) -> Verified | None:
    """What an earlier call brought, where it holds by itself; what it left unfinished is none.

    Raises:
        InputError: something else lies there.
    """
    if (target / STAGING).is_dir() or not target.exists() or not any(target.iterdir()):
        return None
    try:
        verified = attestation.verify(target, trust, now)
        require_same(address, verified)
    except VerificationError as error:
        raise InputError(
            f"{target} holds something else than {address} ({str(error).rstrip('.')}); give an "
            "empty folder."
        ) from error
    return verified


def _staging(target: Path, address: Address) -> Path:
    """Where files come to; what another address left there is of no use to this one."""
    staging, whose = target / STAGING, target / STAGING / "address"
    if whose.is_file() and whose.read_text(encoding="utf-8") != str(address):
        shutil.rmtree(staging)
    staging.mkdir(parents=True, exist_ok=True)
    whose.write_text(str(address), encoding="utf-8")
    return staging


def _model(address: Address) -> str:
    """The stored model behind the latest promotion of these bytes."""
    promoted = champions.promoted_entries(champions.history(address.name))
    found = [entry for entry in promoted if entry.tags.get(DIGEST_TAG) == address.digest]
    if not found:
        now = f"; its champion is {_address(promoted[0])}" if promoted else ""
        raise InputError(
            f"no promoted version of {address.name} has the digest {address.digest}{now}: serve "
            f"what was promoted (leanstage rollout {address.name})."
        )
    collected = [entry.tags[COLLECTED] for entry in found if COLLECTED in entry.tags]
    kept = [entry for entry in found if COLLECTED not in entry.tags]
    if not kept:
        raise InputError(
            f"the bytes of {address} were collected on {collected[0]} (leanstage gc); serve the "
            f"champion, {_address(promoted[0])}."
        )
    return model_of(kept[0].version)


def _address(entry: champions.Entry) -> Address:
    return Address(entry.version.name, entry.tags.get(DIGEST_TAG, "?"))


def _take_back(target: Path, draft: Path, files: Sequence[FileEntry]) -> None:
    """Into the draft with what a crash left half settled; anything else is not ours to touch.

    Raises:
        InputError: something else lies there.
    """
    draft.mkdir(parents=True, exist_ok=True)
    for entry in files:
        there = target / entry.path
        if not there.is_symlink() and there.is_file() and not (draft / entry.path).exists():
            (draft / entry.path).parent.mkdir(parents=True, exist_ok=True)
            there.replace(draft / entry.path)
    shutil.rmtree(target / attestation.FOLDER, ignore_errors=True)
    others = sorted(
        str(path.relative_to(target))
        for path in target.rglob("*")
        if not path.is_relative_to(target / STAGING) and (path.is_symlink() or not path.is_dir())
    )
    if others:
        raise InputError(
            f"{target} holds {others[0]!r}, which is no part of this variant; give an empty folder."
        )


def _require_room(target: Path, draft: Path, files: Sequence[FileEntry]) -> None:
    there = sum(path.stat().st_size for path in draft.parent.rglob("*") if path.is_file())
    missing = sum(entry.size for entry in files) - there
    free = shutil.disk_usage(target).free
    if missing > free:
        raise LeanstageError(
            f"{target} has room for {free:,} of the {missing:,} bytes that are to come; give it "
            "more."
        )


def _bring(stored: Stored, draft: Path, parts: Path, files: Sequence[FileEntry]) -> None:
    whole = sum(entry.size for entry in files)
    progress.step(f"fetching {whole:,} bytes")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        coming = [pool.submit(_one, stored, draft, parts, entry) for entry in files]
        try:
            for each in coming:
                each.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _one(stored: Stored, draft: Path, parts: Path, entry: FileEntry) -> None:
    # Two files may have the same bytes.
    name = hashlib.sha256(f"{entry.path}\0{entry.sha256}".encode()).hexdigest()
    place, part = draft / entry.path, parts / name
    if place.is_file():
        if _is(place, entry):
            return
        place.unlink()
    begun = part.is_file()
    stored.fetch(entry.path, part, size=entry.size)
    if not _is(part, entry):
        part.unlink()
        if not begun:
            raise _differs(entry)
        # What was begun may have been of other bytes.
        stored.fetch(entry.path, part, size=entry.size)
        if not _is(part, entry):
            part.unlink()
            raise _differs(entry)
    place.parent.mkdir(parents=True, exist_ok=True)
    part.replace(place)


def _is(path: Path, entry: FileEntry) -> bool:
    return path.stat().st_size == entry.size and file_sha256(path) == entry.sha256


def _differs(entry: FileEntry) -> VerificationError:
    return VerificationError(
        f"{entry.path!r} is not what was signed: it was changed where it is stored; roll back to "
        "an earlier champion (leanstage rollback), or promote again."
    )


def _settle(draft: Path, target: Path) -> None:
    """Every file at its place; what makes a folder of it a variant comes last."""
    last = (MANIFEST, attestation.FOLDER)
    for entry in sorted(draft.iterdir(), key=lambda entry: (entry.name in last, entry.name)):
        place = target / entry.name
        if place.is_dir():
            shutil.rmtree(place)
        entry.replace(place)
