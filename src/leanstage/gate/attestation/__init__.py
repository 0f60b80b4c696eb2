"""Attestation: every decision signed, and every promoted byte verified against it."""

from leanstage.gate.attestation.envelope import enclose, open_envelope, sign
from leanstage.gate.attestation.folder import ENVELOPE, FOLDER, lay, read
from leanstage.gate.attestation.keys import KeyPair, generate
from leanstage.gate.attestation.signer import KEY_VARIABLE, PUBLIC_VARIABLE, signer
from leanstage.gate.attestation.statement import VerificationError
from leanstage.gate.attestation.trust import (
    TRUST_VARIABLE,
    Trust,
    read_trust,
    trust_of,
    trusted_keys,
)
from leanstage.gate.attestation.verify import Verified, verify

__all__ = [
    "ENVELOPE",
    "FOLDER",
    "KEY_VARIABLE",
    "PUBLIC_VARIABLE",
    "TRUST_VARIABLE",
    "KeyPair",
    "Trust",
    "VerificationError",
    "Verified",
    "enclose",
    "generate",
    "lay",
    "open_envelope",
    "read",
    "read_trust",
    "sign",
    "signer",
    "trust_of",
    "trusted_keys",
    "verify",
]
