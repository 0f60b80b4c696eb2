"""The statement about one decision: made, and read back with all that must agree in it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from leanstage import __version__
from leanstage.contracts import (
    Attestation,
    Decision,
    DigestSet,
    FileEntry,
    ModelPolicy,
    Role,
    Statement,
    Subject,
    canonical_json,
    first_problem,
    sha256_json,
)
from leanstage.contracts.attestation import PREDICATE_TYPE, STATEMENT_TYPE
from leanstage.contracts.strict import strict_json
from leanstage.errors import LeanstageError
from leanstage.variant.digest import MANIFEST

EVIDENCE = "evidence"
"""Names the subject where no digest of a model is known: the hash over the evidence."""


class VerificationError(LeanstageError):
    """A signature, a statement or a variant is not to be trusted."""

    kind = "verification"


def make_statement(
    decision: Decision, policy: ModelPolicy, files: Sequence[FileEntry]
) -> Statement:
    """The statement about a decision, signed now; ``files`` are those of the promoted variant."""
    predicate = Attestation(
        decision=decision,
        policy=policy,
        files=tuple(files),
        leanstage_version=__version__,
        signed=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return Statement.model_validate(
        {
            "_type": STATEMENT_TYPE,
            "subject": subjects_of(decision),
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate,
        }
    )


def payload_of(statement: Statement) -> bytes:
    """The statement as it is signed: canonical JSON under the names of in-toto."""
    return canonical_json(statement.model_dump(mode="json", by_alias=True))


def read_payload(payload: bytes) -> Statement:
    """A statement from the bytes that were signed.

    Raises:
        VerificationError: not a canonical statement, or one that contradicts itself.
    """
    try:
        fields = strict_json(payload)
        if canonical_json(fields) != payload:
            raise ValueError("it is not in canonical form")
        statement = Statement.model_validate_json(payload)
    except ValidationError as error:
        raise VerificationError(
            f"the signed statement cannot be read by this release: {first_problem(error)}."
        ) from error
    except ValueError as error:
        raise VerificationError(f"the signed statement cannot be read: {error}.") from error
    problem = _contradiction(statement, fields)
    if problem is not None:
        raise VerificationError(f"the signed statement contradicts itself: {problem}.")
    return statement


def subjects_of(decision: Decision) -> tuple[Subject, ...]:
    """The promoted variant, or, where nothing is promoted, every model that was judged."""
    known: dict[str, str | None] = {}
    if decision.promoted is not None:
        known[decision.promoted] = decision.digest
    else:
        known["baseline"] = decision.baseline_digest
        known |= {judgement.candidate: judgement.digest for judgement in decision.judgements}
    found = [
        Subject(name=name, digest=DigestSet(sha256=digest))
        for name, digest in known.items()
        if digest is not None
    ]
    evidence = Subject(name=EVIDENCE, digest=DigestSet(sha256=decision.evidence_sha256))
    return tuple(found) or (evidence,)


def _contradiction(statement: Statement, fields: dict[str, Any]) -> str | None:
    """What does not agree, as a clause."""
    decision, policy = statement.predicate.decision, fields["predicate"]["policy"]
    if statement.subject != subjects_of(decision):
        return "its subject is not what its decision is about"
    # The policy as it was signed: a later release may know fields that it does not hold.
    if decision.policy_sha256 != sha256_json(policy):
        return "its decision was made under another policy"
    return _unsound(decision) or _wrong_files(decision, statement.predicate.files)


def _unsound(decision: Decision) -> str | None:
    allowed: dict[str, tuple[Role | None, ...]] = {
        "PROMOTE_OPTIMIZED": ("optimized", "fallback"),
        "PROMOTE_BASELINE": ("baseline",),
        "BLOCKED": (None,),
    }
    if decision.promoted not in allowed[decision.verdict]:
        return f"its verdict {decision.verdict} promotes {decision.promoted or 'nothing'}"
    if (decision.promoted is None) != (decision.digest is None):
        return "it names a promoted role or a promoted digest, but not both"
    if decision.verdict == "PROMOTE_BASELINE":
        if decision.digest != decision.baseline_digest:
            return "the digest that it promotes is not that of the baseline"
        if decision.justification is None:
            return "it promotes the baseline without a justification"
    return None


def _wrong_files(decision: Decision, files: Sequence[FileEntry]) -> str | None:
    if decision.promoted is None:
        return "it lists files although nothing is promoted" if files else None
    if not any(entry.path == MANIFEST for entry in files):
        return f"its files lack {MANIFEST}"
    return None
