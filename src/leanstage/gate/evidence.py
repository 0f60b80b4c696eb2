"""What the gate is shown. Nothing in it is believed before it is checked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from leanstage.contracts import (
    Champion,
    Deploy,
    EnergyComparison,
    Evaluation,
    HardwareProfile,
    ModelVersion,
    Part,
    Reason,
    Role,
    VariantManifest,
    sha256_json,
)
from leanstage.gate.words import NAME, objection
from leanstage.tasks import Predictions
from leanstage.tasks.production import SampleAnswers

ORDER: tuple[Role, ...] = ("optimized", "fallback")
"""Candidates in the order in which they are judged, whatever order they are handed in."""

_ANSWERS = "file of answers that belongs to the evaluation"

Document = TypeVar("Document", bound=Part)


@dataclass(frozen=True)
class Baseline:
    """The unoptimized model; ``digest`` was recomputed from its bytes. None is missing."""

    manifest: VariantManifest | None
    digest: str | None


@dataclass(frozen=True)
class Candidate:
    """A model that may replace the baseline; ``digest`` was recomputed from its bytes.

    Attributes:
        predictions: the answers that ``evaluation`` was made from; None where their file is
            missing, cannot be read or does not hash to ``evaluation.predictions_sha256``.
        sample: likewise the answers that ``evaluation.production`` was made from.
    """

    role: Role
    manifest: VariantManifest | None
    digest: str | None
    evaluation: Evaluation | None
    energy: EnergyComparison | None
    predictions: Predictions | None
    sample: SampleAnswers | None = None


@dataclass(frozen=True)
class Evidence:
    """Everything that one decision rests on, besides policy and justifications.

    Attributes:
        champion: what serves at the time of the decision, as the registry tells; None where
            nothing does.
        deploy: what was asked for.
        hardware: what serves the model, as the run was planned for.
        run_id: MLflow run that holds the evidence; justifications are bound to it.
        now: the time of the decision, with its time zone.
        guarantee: what this installation can and cannot promise about who decided.
        untrusted: why the policy of the run does not hold for its model, as a sentence; None where
            it does.
    """

    source: ModelVersion
    baseline: Baseline
    candidates: tuple[Candidate, ...]
    champion: Champion | None
    deploy: Deploy
    hardware: HardwareProfile | None
    run_id: str
    now: datetime
    guarantee: str
    untrusted: str | None


def evidence_sha256(evidence: Evidence) -> str:
    """The hash that a decision on this evidence carries."""
    return documents_sha256(evidence.hardware, evidence.candidates)


def documents_sha256(hardware: HardwareProfile | None, judged: Sequence[Candidate]) -> str:
    """SHA-256 (hex) over the hardware, and evaluation and energy of every candidate by role.

    The answers are covered by the hash that the evaluation states of them. A document that breaks
    its contract counts as broken, not by its content: no decision for a promotion can rest on it.
    """
    ordered = sorted(judged, key=lambda candidate: str(candidate.role))
    candidates = [
        {
            "role": str(candidate.role),
            "digest": known_digest(candidate.digest),
            "evaluation": _hashable(Evaluation, candidate.evaluation),
            "energy": _hashable(EnergyComparison, candidate.energy),
        }
        for candidate in ordered
    ]
    node = _hashable(HardwareProfile, hardware)
    return sha256_json({"hardware": node, "candidates": candidates})


def known_digest(digest: object) -> str | None:
    """``digest`` where it is a SHA-256 in lower-case hex, else None."""
    fits = isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest)
    return digest if isinstance(digest, str) and fits else None


def recheck(kind: type[Document], document: object) -> Document | None:
    """``document`` validated again; None where it is no ``kind`` or breaks its contract.

    Documents made without validation can hold NaN, which compares false with every limit.
    """
    if not isinstance(document, kind):
        return None
    try:
        return kind.model_validate(document.model_dump(warnings=False))
    except (ValueError, TypeError, AttributeError):
        return None


def sound_candidate(candidate: Candidate) -> tuple[Candidate, list[Reason]]:
    """The candidate with what is missing or broken as None, and a reason for each.

    Returns:
        The candidate, every document in it validated again, and the objections:
        ``evidence.missing`` and ``evidence.anomalous``.
    """
    reason = objection(candidate.role)
    name, answers = NAME[candidate.role], candidate.predictions
    reasons = []
    if known_digest(candidate.digest) is None:
        reasons.append(
            reason(
                "evidence.missing",
                f"The digest of {name} was not computed from its bytes.",
                "Produce the candidate again, then decide again.",
            )
        )
    sound = replace(
        candidate,
        digest=known_digest(candidate.digest),
        manifest=recheck(VariantManifest, candidate.manifest),
        evaluation=recheck(Evaluation, candidate.evaluation),
        energy=recheck(EnergyComparison, candidate.energy),
        predictions=answers if isinstance(answers, Predictions) else None,
    )
    for given, found, what, remedy in (
        (candidate.manifest, sound.manifest, "manifest", "Produce the candidate again"),
        (candidate.evaluation, sound.evaluation, "evaluation", "Evaluate it again"),
        (candidate.energy, sound.energy, "energy comparison", "Measure it again"),
        (answers, sound.predictions, _ANSWERS, "Evaluate it again"),
    ):
        if given is None:
            text = f"There is no {what} of {name}."
            reasons.append(reason("evidence.missing", text, f"{remedy}, then decide again."))
        elif found is None:
            text = f"The {what} of {name} breaks its contract."
            reasons.append(reason("evidence.anomalous", text, f"{remedy}, then decide again."))
    return sound, reasons


def in_order(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The candidates that may be judged, in the declared order."""
    known = [candidate for candidate in candidates if candidate.role in ORDER]
    return tuple(sorted(known, key=lambda candidate: ORDER.index(candidate.role)))


def _hashable(kind: type[Document], document: Document | None) -> object:
    if document is None:
        return None
    sound = recheck(kind, document)
    # Without defaults: a field that a later release adds changes no hash of what it did not know.
    return "broken" if sound is None else sound.model_dump(mode="json", exclude_defaults=True)
