"""The envelope: one statement under one signature, in one canonical form of bytes.

Source: DSSE 1.0.2, https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md; of what it
allows, only what :func:`enclose` writes is accepted.
"""

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from leanstage.contracts import Decision, FileEntry, ModelPolicy, Statement, canonical_json
from leanstage.contracts.strict import strict_json
from leanstage.errors import LeanstageError
from leanstage.gate.attestation.signer import first_line, signer
from leanstage.gate.attestation.statement import (
    VerificationError,
    make_statement,
    payload_of,
    read_payload,
)
from leanstage.gate.attestation.trust import Trust
from leanstage.variant.digest import CARD, digest_of, file_entries, manifest_fields

if TYPE_CHECKING:
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import Key, Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"


class Opened(NamedTuple):
    """A statement whose signature holds, and the id of the key that made it."""

    statement: Statement
    keyid: str


def sign(
    decision: Decision, policy: ModelPolicy, folder: Path | None, card: bytes | None = None
) -> bytes:
    """The signed envelope of a decision.

    Args:
        policy: the one that the decision was made under.
        folder: the variant that is promoted; None where the decision is BLOCKED.
        card: the model card that is to lie beside it; one that lies there already is not signed.

    Raises:
        InputError: the folder is not a variant.
        LeanstageError: the folder is not what the decision promotes, the policy is another one, or
            no key signs.
    """
    if (folder is None) != (decision.digest is None):
        raise LeanstageError(
            "the decision cannot be signed: a promotion is signed with its folder, and a BLOCKED "
            "decision without one."
        )
    files = [] if folder is None else file_entries(folder)
    if folder is not None:
        digest = digest_of(files, manifest_fields(folder))
        if digest != decision.digest:
            raise LeanstageError(
                f"{folder} hashes to {digest}, the decision promotes {decision.digest}; nothing "
                "was signed: run the pipeline again."
            )
    if card is not None:
        entry = FileEntry(path=CARD, size=len(card), sha256=hashlib.sha256(card).hexdigest())
        files = sorted([*files, entry], key=lambda each: each.path.encode())
    return enclose(make_statement(decision, policy, files), signer())


def enclose(statement: Statement, by: "Signer") -> bytes:
    """A statement under the signature of ``by``, opened once before it is handed out.

    Raises:
        LeanstageError: the key does not sign, or its signature does not fit its public half.
        VerificationError: the statement contradicts itself.
    """
    from securesystemslib.dsse import Envelope

    payload = payload_of(statement)
    read_payload(payload)
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    try:
        envelope.sign(by)
    except Exception as error:  # each service raises errors of its own
        raise LeanstageError(
            f"the key {by.public_key.keyid} did not sign the decision ({first_line(error)}); "
            "check the key and the credentials for it, then decide again."
        ) from error
    if not _holds(envelope, by.public_key):
        raise LeanstageError(
            f"the signature does not fit the public key {by.public_key.keyid}; name the public "
            "half of the key that signs."
        )
    return canonical_json(envelope.to_dict())


def open_envelope(data: bytes, trust: Trust) -> Statement:
    """The statement in an envelope that a trusted key signed.

    Raises:
        VerificationError: it is not one of ours to the last byte, an unknown or revoked key signed
            it, the signature is wrong, or the statement contradicts itself.
    """
    return open_signed(data, trust).statement


def open_signed(data: bytes, trust: Trust) -> Opened:
    """Like :func:`open_envelope`, with the key that signed."""
    envelope = _parse(data)
    (keyid,) = envelope.signatures
    revoked = trust.revocations.keys.get(keyid)
    if revoked is not None:
        raise VerificationError(f"the key {keyid} that signed the decision is revoked: {revoked}.")
    key = trust.keys.get(keyid)
    if key is None:
        raise VerificationError(
            f"the decision is signed by the key {keyid}, which is not among those to trust in "
            f"{trust.place}."
        )
    if not _holds(envelope, key):
        raise VerificationError(
            f"the signature of the key {keyid} does not fit the decision; it was changed after it "
            "was signed, or never signed."
        )
    return Opened(read_payload(envelope.payload), keyid)


def _parse(data: bytes) -> "Envelope":
    from securesystemslib.dsse import Envelope

    try:
        envelope = Envelope.from_dict(strict_json(data))
        canonical = canonical_json(envelope.to_dict()) == data
        signatures = list(envelope.signatures.values())
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise VerificationError(
            f"the envelope of the decision cannot be read ({first_line(error)})."
        ) from error
    alone = len(signatures) == 1 and not signatures[0].unrecognized_fields
    if not (canonical and alone and re.fullmatch(r"[0-9a-f]{64}", str(signatures[0].keyid))):
        raise VerificationError(
            "the envelope of the decision is not in the form that leanstage writes: one signature, "
            "canonical JSON and nothing else; it was changed after it was signed."
        )
    if envelope.payload_type != PAYLOAD_TYPE:
        raise VerificationError(
            f"the envelope does not say that it holds {PAYLOAD_TYPE}; it is no decision."
        )
    return envelope


def _holds(envelope: "Envelope", key: "Key") -> bool:
    from securesystemslib.exceptions import VerificationError as NotVerified

    try:
        envelope.verify([key], 1)
    except NotVerified:
        return False
    return True
