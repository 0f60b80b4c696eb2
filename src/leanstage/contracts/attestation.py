"""Attestation: the signed statement about one decision, and which signatures no longer count."""

from typing import Annotated, Literal

from pydantic import Field

from leanstage.contracts.base import Contract, Part, Sha256
from leanstage.contracts.decision import Decision
from leanstage.contracts.policy import ModelPolicy

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://leanstage.dev/attestation/decision/v1"

Cause = Annotated[str, Field(min_length=1)]


class FileEntry(Part):
    """One regular file of a variant; ``path`` is relative and POSIX, ``size`` is in bytes."""

    path: str = Field(min_length=1)
    size: int = Field(ge=0)
    sha256: Sha256


class DigestSet(Part):
    """The digests of one subject (in-toto DigestSet v1)."""

    sha256: Sha256


class Subject(Part):
    """What a statement is about: the content digest of the variant in the role ``name``."""

    name: str = Field(min_length=1)
    digest: DigestSet


class Attestation(Contract):
    """The predicate: a decision with all that it rests on.

    ``files`` are those of the promoted variant, raw manifest and model card included and
    ``attestation/`` left out, sorted by the UTF-8 bytes of their paths; none where the decision is
    BLOCKED.
    """

    decision: Decision
    policy: ModelPolicy
    files: tuple[FileEntry, ...] = ()
    leanstage_version: str
    signed: str
    """Time of the signature, UTC."""


class Statement(Part):
    """An in-toto Statement v1, the payload of the envelope.

    Source: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
    """

    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: tuple[Subject, ...] = Field(min_length=1)
    predicate_type: Literal["https://leanstage.dev/attestation/decision/v1"] = Field(
        alias="predicateType"
    )
    predicate: Attestation


class Revocations(Contract):
    """``revoked.yaml`` beside the trusted keys: what no longer counts, each with its reason."""

    keys: dict[Sha256, Cause] = Field(default_factory=dict)
    """By key id: nothing that the key ever signed is accepted."""
    digests: dict[Sha256, Cause] = Field(default_factory=dict)
    """By content digest: the variant is not accepted, whoever signed it."""
