"""Key files: made once and never overwritten, read with one sentence where they cannot be."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanstage.contracts.strict import strict_json
from leanstage.errors import InputError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, SSlibKey

PRIVATE, PUBLIC = "leanstage.key", "leanstage.pub"


@dataclass(frozen=True)
class KeyPair:
    """Where a key pair lies, and its id."""

    private: Path
    public: Path
    keyid: str


def generate(folder: Path) -> KeyPair:
    """Make an Ed25519 key pair: PKCS#8 PEM, mode 0600, and SubjectPublicKeyInfo PEM.

    Raises:
        InputError: a file of either name is there; neither is ever overwritten.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )
    from securesystemslib.signer import SSlibKey

    for name in (PRIVATE, PUBLIC):
        if os.path.lexists(folder / name):
            raise _exists(folder / name)
    secret = Ed25519PrivateKey.generate()
    pem = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _create(folder / PRIVATE, pem, 0o600)
    except FileExistsError:
        raise _exists(folder / PRIVATE) from None
    key = SSlibKey.from_crypto(secret.public_key())
    publish(folder / PUBLIC, key)
    return KeyPair(folder / PRIVATE, folder / PUBLIC, key.keyid)


def publish(path: Path, key: "SSlibKey") -> None:
    """Write a public key, unless the same one lies there.

    Raises:
        InputError: another one lies there.
    """
    if not path.exists():
        try:
            return _create(path, public_pem(key), 0o644)
        except FileExistsError:
            pass  # another process wrote it at the same time
    if read_public(path).keyid != key.keyid:
        raise _exists(path)


def public_pem(key: "SSlibKey") -> bytes:
    """The key as SubjectPublicKeyInfo PEM, which openssl reads."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = _crypto(key.to_dict())
    return bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def read_private(path: Path, password: str | None, public: "SSlibKey | None") -> "CryptoSigner":
    """A signer from a PKCS#8 PEM file.

    Args:
        password: of an encrypted file; one that is not encrypted needs none.
        public: the public half, where it says more than the file (the scheme of an RSA key).

    Raises:
        InputError: unreadable, not such a file, a wrong password or another public half.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.exceptions import KeyMismatchError
    from securesystemslib.signer import CryptoSigner

    pem = _read(path)
    encrypted = b"ENCRYPTED" in pem
    if encrypted and not password:
        raise InputError(f"{path} is encrypted; give its password in LEANSTAGE_KEY_PASSWORD.")
    try:
        secret = load_pem_private_key(pem, password.encode() if encrypted and password else None)
        return CryptoSigner(secret, public)
    except KeyMismatchError:
        raise InputError(
            f"{path} and LEANSTAGE_KEY_PUBLIC are not halves of one key; name a matching pair."
        ) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # What these exceptions quote could be the key.
        why = "the password is wrong or it" if encrypted else "it"
        raise InputError(
            f"{path} cannot be used: {why} is no Ed25519, ECDSA or RSA private key in PKCS#8 PEM; "
            "`leanstage keygen` makes one."
        ) from None


def read_public(path: Path) -> "SSlibKey":
    """A public key from PEM or from the JSON of securesystemslib, under its default key id.

    Raises:
        InputError: unreadable, or no such key.
    """
    return public_of(_read(path), where=str(path))


def public_of(data: bytes, *, where: str) -> "SSlibKey":
    """A public key from the bytes of such a file.

    Args:
        where: what messages call them.

    Raises:
        InputError: no such key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.signer import SSlibKey

    try:
        if not data.lstrip().startswith(b"{"):
            return SSlibKey.from_crypto(load_pem_public_key(data))
        fields = strict_json(data)
        return SSlibKey.from_crypto(_crypto(fields), scheme=str(fields["scheme"]))
    except (KeyError, TypeError, ValueError, AttributeError, UnsupportedAlgorithm):
        raise InputError(
            f"{where} is no Ed25519, ECDSA or RSA public key, neither in PEM nor in the JSON of "
            "securesystemslib; name the public half of the key."
        ) from None


def _crypto(fields: dict[str, Any]) -> Any:
    """The public key of ``cryptography`` in securesystemslib's JSON form of a key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    public = fields["keyval"]["public"]
    if fields["keytype"] == "ed25519":
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    return load_pem_public_key(public.encode())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the key file {path} cannot be read: {error.strerror}; name one that can."
        ) from None


def _create(path: Path, data: bytes, mode: int) -> None:
    """Write a new file, whole where the file system can link; what is there is never replaced."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(mode)
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            raise
        except OSError:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as new:
                new.write(data)
    finally:
        Path(temporary).unlink()


def _exists(path: Path) -> InputError:
    return InputError(
        f"{path} is there already and is never overwritten; name another folder or move it away."
    )
