"""The key that signs: in a file, in a key service, or beside the embedded MLflow."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from leanstage.errors import InputError, LeanstageError
from leanstage.gate.attestation.keys import (
    PRIVATE,
    PUBLIC,
    generate,
    publish,
    read_private,
    read_public,
)
from leanstage.registry.client import RegistryError, tracking_uri

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, Signer, SSlibKey

KEY_VARIABLE = "LEANSTAGE_KEY"
PUBLIC_VARIABLE = "LEANSTAGE_KEY_PUBLIC"
PASSWORD_VARIABLE = "LEANSTAGE_KEY_PASSWORD"

_EXTRAS = {"hv": "vault"}
"""Extra of securesystemslib that a key service needs, where it is not named like its scheme."""


def signer() -> "Signer":
    """The signer that ``LEANSTAGE_KEY`` names; with the embedded MLflow else one of its own.

    Raises:
        LeanstageError: none is named, or the one that is named cannot be used. No message ever
            quotes the variable, which may hold a key by mistake.
    """
    named = os.environ.get(KEY_VARIABLE)
    if named:
        return _service_signer(named) if _service(named) else _file_signer(named)
    folder = embedded_keys()
    if folder is None:
        raise LeanstageError(
            f"{KEY_VARIABLE} is not set, so the decision cannot be signed; make a key with "
            "`leanstage keygen` and name its file there."
        )
    return _embedded_signer(folder)


def public_half() -> "SSlibKey | None":
    """The public half of the key that is named; None where none is."""
    public = _named_public()
    named = os.environ.get(KEY_VARIABLE)
    if public is not None or not named:
        return public
    if _service(named):
        raise _no_public(named)
    return _file_signer(named).public_key


def embedded_keys() -> Path | None:
    """Where the keys of the embedded MLflow live; None with a server or without any MLflow."""
    try:
        uri = tracking_uri()
    except RegistryError:
        return None
    if not uri.startswith("sqlite:///"):
        return None
    return Path(uri.removeprefix("sqlite:///")).parent / "keys"


def first_line(error: Exception) -> str:
    """What went wrong in a library, on one line."""
    text = str(error).strip().partition("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _embedded_signer(folder: Path) -> "CryptoSigner":
    path = folder / PRIVATE
    if not path.exists():
        try:
            generate(folder)
        except InputError:
            # Another process made it at the same time.
            if not path.exists():
                raise
    found = read_private(path, os.environ.get(PASSWORD_VARIABLE), None)
    publish(folder / PUBLIC, found.public_key)
    return found


def _file_signer(named: str) -> "CryptoSigner":
    if "PRIVATE KEY" in named:
        raise LeanstageError(
            f"{KEY_VARIABLE} holds a key itself; write the key into a file and name that file."
        )
    path = Path(named)
    try:
        there = path.exists()
    except OSError:
        there = False  # far too long for a name
    if not there:
        raise LeanstageError(
            f"{KEY_VARIABLE} names neither a file that is there nor a key service "
            f"({', '.join(_schemes())}); `leanstage keygen` makes a key."
        )
    return read_private(path, os.environ.get(PASSWORD_VARIABLE), _named_public())


def _service_signer(uri: str) -> "Signer":
    from securesystemslib.exceptions import UnsupportedLibraryError
    from securesystemslib.signer import Signer

    scheme = _service(uri)
    public = _named_public()
    if public is None:
        raise _no_public(uri)
    try:
        return Signer.from_priv_key_uri(uri, public)
    except UnsupportedLibraryError:
        extra = _EXTRAS.get(scheme, scheme)
        raise LeanstageError(
            f"{KEY_VARIABLE} names a key of {scheme}, whose client is not installed; run "
            f"`pip install 'securesystemslib[{extra}]'`."
        ) from None
    except Exception as error:  # each service raises errors of its own
        raise LeanstageError(
            f"the {scheme} key that {KEY_VARIABLE} names cannot be used ({first_line(error)}); "
            f"check it, {PUBLIC_VARIABLE} and the credentials of the service."
        ) from error


def _named_public() -> "SSlibKey | None":
    public = os.environ.get(PUBLIC_VARIABLE)
    return read_public(Path(public)) if public else None


def _no_public(uri: str) -> LeanstageError:
    return LeanstageError(
        f"{KEY_VARIABLE} names a key of {_service(uri)}, which keeps the public half to itself; "
        f"save that as PEM and name the file in {PUBLIC_VARIABLE}."
    )


def _service(named: str) -> str:
    """The scheme of a key service's URI; empty where ``named`` is none."""
    scheme, colon, _ = named.partition(":")
    return scheme if colon and scheme in _schemes() else ""


def _schemes() -> list[str]:
    from securesystemslib.signer import SIGNER_FOR_URI_SCHEME

    return sorted(SIGNER_FOR_URI_SCHEME)
