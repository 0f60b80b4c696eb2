"""Whose signatures count: the trusted public keys, less what has been revoked."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from leanstage.contracts import Revocations
from leanstage.errors import InputError, LeanstageError
from leanstage.gate.attestation.keys import public_of, read_public
from leanstage.gate.attestation.revocations import (
    both,
    list_among,
    read_revocations,
    revocations_of,
)
from leanstage.gate.attestation.signer import KEY_VARIABLE, embedded_keys, public_half

if TYPE_CHECKING:
    from securesystemslib.signer import SSlibKey

TRUST_VARIABLE = "LEANSTAGE_TRUST"
KEYS_VARIABLE, REVOKED_VARIABLE = "LEANSTAGE_TRUST_KEYS", "LEANSTAGE_TRUST_REVOKED"
"""The keys (PEM, one after the other) and the revocation list (YAML) themselves: for a pod that
gets its settings from the administrator and its volumes from somebody else."""


@dataclass(frozen=True)
class Trust:
    """Public keys by id, what has been revoked, and where both come from."""

    keys: Mapping[str, "SSlibKey"]
    revocations: Revocations = field(default_factory=Revocations)
    place: str = "the trusted keys"


def trusted_keys() -> Trust:
    """What ``LEANSTAGE_TRUST_KEYS`` holds, or ``LEANSTAGE_TRUST`` names; else the key that signs
    and the embedded MLflow's keys.

    Raises:
        LeanstageError: nothing is named, or there is no key.
        InputError: a key or the revocation list cannot be read: nothing is trusted then.
    """
    if KEYS_VARIABLE in os.environ:
        if REVOKED_VARIABLE not in os.environ:
            # Left out by a slip, it would revoke nothing.
            raise LeanstageError(
                f"{KEYS_VARIABLE} is set and {REVOKED_VARIABLE} is not; set it, empty where "
                "nothing is revoked."
            )
        return _inline(os.environ[KEYS_VARIABLE], os.environ[REVOKED_VARIABLE])
    named = os.environ.get(TRUST_VARIABLE)
    if named:
        return read_trust(Path(named))
    own = public_half()
    folder = embedded_keys()
    if folder is not None and (own is None or folder.is_dir()):
        return read_trust(folder, *([] if own is None else [own]))
    if own is not None:
        return Trust({own.keyid: own}, place=KEY_VARIABLE)
    raise LeanstageError(
        f"{TRUST_VARIABLE} is not set, so no signature can be verified; name a folder with the "
        "public keys (*.pub) to trust."
    )


def trust_of(keys: Sequence[Path] = (), revoked: Path | None = None) -> Trust:
    """Trust in these public keys alone; without any, what :func:`trusted_keys` trusts.

    Args:
        revoked: a revocation list, which counts beside any other.
    """
    if keys:
        found = [read_public(path) for path in keys]
        trust = Trust({key.keyid: key for key in found}, place=", ".join(map(str, keys)))
    else:
        trust = trusted_keys()
    if revoked is None:
        return trust
    revocations = both(trust.revocations, read_revocations(revoked))
    return Trust(trust.keys, revocations, trust.place)


def read_trust(folder: Path, *more: "SSlibKey") -> Trust:
    """The keys of every ``*.pub`` in ``folder`` and ``more``, and its revocation list.

    Raises:
        LeanstageError: there is no key.
        InputError: a key or the list cannot be read.
    """
    try:
        paths = sorted(folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}.") from error
    found = [read_public(path) for path in paths if path.suffix == ".pub"]
    keys = {key.keyid: key for key in [*found, *more]}
    if not keys:
        raise LeanstageError(
            f"{folder} holds no public key (*.pub), so no signature can be verified; put the "
            "keys to trust there."
        )
    return Trust(keys, list_among(paths), str(folder))


def _inline(keys: str, revoked: str) -> Trust:
    blocks = re.findall(r"-----BEGIN .+?-----END [A-Z ]+-----", keys, re.DOTALL)
    if not blocks or re.sub(r"\s", "", keys) != re.sub(r"\s", "", "".join(blocks)):
        raise LeanstageError(
            f"{KEYS_VARIABLE} holds no public keys in PEM, or something beside them, so no "
            "signature can be verified; have the administrator put the gate's public keys there."
        )
    found = [public_of(block.encode(), where=f"a key in {KEYS_VARIABLE}") for block in blocks]
    revocations = (
        revocations_of(revoked, where=REVOKED_VARIABLE) if revoked.strip() else Revocations()
    )
    return Trust({key.keyid: key for key in found}, revocations, KEYS_VARIABLE)
