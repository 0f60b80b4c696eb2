"""Attestation: every decision signed, and every promoted byte verified against it."""

from leanstage.gate.attestation.envelope import enclose, open_envelope, open_signed, sign
from leanstage.gate.attestation.folder import ENVELOPE, FOLDER, lay, read
from leanstage.gate.attestation.keys import KeyPair, generate
from leanstage.gate.attestation.signer import KEY_VARIABLE, PUBLIC_VARIABLE, first_line, signer
from leanstage.gate.attestation.statement import VerificationError
from leanstage.gate.attestation.trust import (
    TRUST_VARIABLE,
    Trust,
    read_trust,
    trust_of,
    trusted_keys,
)
from leanstage.gate.attestation.verify import ExpiredError, Verified, require_valid, verify

__all__ = [
    "ENVELOPE",
    "FOLDER",
    "KEY_VARIABLE",
    "PUBLIC_VARIABLE",
    "TRUST_VARIABLE",
    "ExpiredError",
    "KeyPair",
    "Trust",
    "VerificationError",
    "Verified",
    "enclose",
    "first_line",
    "generate",
    "lay",
    "open_envelope",
    "open_signed",
    "read",
    "read_trust",
    "require_valid",
    "sign",
    "signer",
    "trust_of",
    "trusted_keys",
    "verify",
]
