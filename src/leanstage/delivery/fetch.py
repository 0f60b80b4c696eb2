"""What a pod does before it serves: brings exactly the signed bytes, or says why it must not."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from leanstage import progress
from leanstage.contracts import FileEntry, ModelVersion
from leanstage.delivery.address import Address
from leanstage.delivery.envelope import PATH, promised, require_same, signed_envelope
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
    versions = _versions(address)
    with _staging(target, address) as staging:
        stored, signed = _vouched(address, versions, staging, trust, now)
        files = signed.statement.predicate.files
        if any(entry.path.startswith(STAGING) for entry in files):
            raise VerificationError(f"{address} holds a file in {STAGING}, which is not its place.")
        draft = staging / "files"
        _take_back(target, draft, files)
        _require_room(target, draft, files)
        _bring(stored, draft, staging / "parts", files)
        attestation.lay(draft, (staging / attestation.ENVELOPE).read_bytes())
        try:
            verified = attestation.verify(draft, trust, now)
        except VerificationError as error:
            # Whatever came in between, the next attempt begins with nothing.
            shutil.rmtree(staging)
            raise VerificationError(
                f"{address} was changed where it is stored ({str(error).rstrip('.')}); roll back "
                "to an earlier champion (leanstage rollback), or promote again."
            ) from error
        _settle(draft, target)
        shutil.rmtree(staging)
        return verified


def _already(address: Address, target: Path, trust: Trust, now: datetime) -> Verified | None:
    """What an earlier call brought, where it holds by itself; what it left unfinished is none.

    Raises:
        InputError: something else lies there, or it holds no longer.
    """
    if (target / STAGING).is_dir() or not target.exists() or not any(target.iterdir()):
        return None
    try:
        verified = attestation.verify(target, trust, now)
        require_same(address, verified)
    except VerificationError as error:
        raise InputError(
            f"{target} is not empty, and what it holds does not pass for {address} "
            f"({str(error).rstrip('.')}); give an empty folder, or another variant."
        ) from error
    return verified


@contextmanager
def _staging(target: Path, address: Address) -> Iterator[Path]:
    """Where files come to, for one process at a time; what another address left is of no use."""
    staging, whose = target / STAGING, target / STAGING / "address"
    staging.mkdir(parents=True, exist_ok=True)
    folder = os.open(staging, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"another process fetches into {target}; wait for it, or give another folder."
            ) from None
        if whose.is_file() and whose.read_text(encoding="utf-8") != str(address):
            for entry in staging.iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        whose.write_text(str(address), encoding="utf-8")
        yield staging
    finally:
        os.close(folder)


def _vouched(
    address: Address, versions: Sequence[ModelVersion], staging: Path, trust: Trust, now: datetime
) -> tuple[Stored, Verified]:
    """The stored model behind the latest promotion of these bytes whose signature holds.

    Whoever may edit a registered model may tag a version as promoted: that stops no pod.
    """
    refused: VerificationError | None = None
    for version in versions:
        stored = Stored(model_of(version))
        try:
            return stored, promised(address, signed_envelope(stored, staging), trust, now)
        except VerificationError as error:
            refused = refused or error
    assert refused is not None, "there is a version at least"
    raise refused


def _versions(address: Address) -> list[ModelVersion]:
    """Versions that say that they were promoted with this digest, the latest first."""
    promoted = champions.promoted_entries(champions.history(address.name))
    found = [entry for entry in promoted if entry.tags.get(DIGEST_TAG) == address.digest]
    if not found:
        now = f"; its champion is {_address(promoted[0])}" if promoted else ""
        raise InputError(
            f"no promoted version of {address.name} has the digest {address.digest}{now}: serve "
            f"what was promoted (leanstage rollout {address.name})."
        )
    kept = [entry.version for entry in found if COLLECTED not in entry.tags]
    if not kept:
        raise InputError(
            f"the bytes of {address} were collected on {found[0].tags[COLLECTED]} (leanstage gc); "
            f"serve the champion, {_address(promoted[0])}."
        )
    return kept


def _address(entry: champions.Entry) -> Address:
    return Address(entry.version.name, entry.tags.get(DIGEST_TAG, "?"))


def _take_back(target: Path, draft: Path, files: Sequence[FileEntry]) -> None:
    """Into the draft with what a crash left half settled; anything else is not ours to touch.

    Raises:
        InputError: something else lies there; nothing was touched.
    """
    signed = {entry.path: entry for entry in files}
    settled: list[str] = []
    for path in sorted(target.rglob("*")):
        name = path.relative_to(target).as_posix()
        if path.is_relative_to(target / STAGING) or (path.is_dir() and not path.is_symlink()):
            continue
        ours = not path.is_symlink() and path.is_file()
        if ours and name in signed and _is(path, signed[name]):
            settled.append(name)
        elif not (ours and name == PATH):
            raise InputError(
                f"{target} holds {name!r}, which is no part of this variant; give an empty folder."
            )
    draft.mkdir(parents=True, exist_ok=True)
    for name in settled:
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).replace(draft / name)
    shutil.rmtree(target / attestation.FOLDER, ignore_errors=True)


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
            for each in as_completed(coming):
                each.result()
        except BaseException:
            stored.stopped.set()
            pool.shutdown(cancel_futures=True)
            raise


def _one(stored: Stored, draft: Path, parts: Path, entry: FileEntry) -> None:
    """Every byte is held against the signature once, at the end; what an earlier attempt left
    behind is looked at before it is built upon."""
    # Two files may have the same bytes.
    name = hashlib.sha256(f"{entry.path}\0{entry.sha256}".encode()).hexdigest()
    place, part = draft / entry.path, parts / name
    if place.is_file():
        if _is(place, entry):
            return
        place.unlink()
    begun = part.is_file()
    stored.fetch(entry.path, part, size=entry.size)
    if begun and not _is(part, entry):
        part.unlink()
        stored.fetch(entry.path, part, size=entry.size)
    place.parent.mkdir(parents=True, exist_ok=True)
    part.replace(place)


def _is(path: Path, entry: FileEntry) -> bool:
    return path.stat().st_size == entry.size and file_sha256(path) == entry.sha256


def _settle(draft: Path, target: Path) -> None:
    """Every file at its place; what makes a folder of it a variant comes last."""
    last = (MANIFEST, attestation.FOLDER)
    for entry in sorted(draft.iterdir(), key=lambda entry: (entry.name in last, entry.name)):
        place = target / entry.name
        if place.is_dir():
            shutil.rmtree(place)
        entry.replace(place)
