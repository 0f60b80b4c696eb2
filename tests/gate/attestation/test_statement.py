"""The statement: what it says, and that all of it agrees."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope

from leanstage import __version__
from leanstage.contracts import (
    Attestation,
    Judgement,
    ModelPolicy,
    Statement,
    canonical_json,
    sha256_json,
)
from leanstage.errors import LeanstageError
from leanstage.gate.attestation import (
    VerificationError,
    enclose,
    open_envelope,
    sign,
    signer,
    trusted_keys,
)
from leanstage.gate.attestation.statement import make_statement, payload_of
from leanstage.variant.digest import file_entries

TYPE = "application/vnd.in-toto+json"


def signed(payload: bytes, payload_type: str = TYPE) -> bytes:
    """Anything under a genuine signature."""
    made = Envelope(payload, payload_type, {})
    made.sign(signer())
    return canonical_json(made.to_dict())


def test_the_payload_is_an_in_toto_statement(variant: Path, envelope: Any, promotions: Any) -> None:
    assert list(envelope) == ["payload", "payloadType", "signatures"]
    assert envelope["payloadType"] == TYPE
    (signature,) = envelope["signatures"]
    assert signature["keyid"] == signer().public_key.keyid
    decision = promotions.decision(variant)
    statement = json.loads(base64.b64decode(envelope["payload"]))
    predicate = statement.pop("predicate")
    assert statement == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "optimized", "digest": {"sha256": decision.digest}}],
        "predicateType": "https://leanstage.dev/attestation/decision/v1",
    }
    assert predicate["decision"] == decision.model_dump(mode="json")
    assert predicate["policy"] == promotions.policy.model_dump(mode="json")
    assert predicate["leanstage_version"] == __version__
    assert predicate["signed"].endswith("+00:00")
    assert predicate["files"] == [entry.model_dump() for entry in file_entries(variant)]
    assert [file["path"] for file in predicate["files"]] == [
        "config.json",
        "leanstage.json",
        "onnx/model.onnx",
        "tokenizer.json",
    ]


def test_what_was_signed_is_what_is_read(variant: Path, promotions: Any) -> None:
    decision = promotions.decision(variant, "baseline")
    found = open_envelope(sign(decision, promotions.policy, variant), trusted_keys())
    assert found.predicate.decision == decision
    assert found.predicate.policy == promotions.policy


def test_a_blocked_decision_is_about_what_was_judged(promotions: Any) -> None:
    judged = (
        Judgement(candidate="optimized", digest="1" * 64, passed=False),
        Judgement(candidate="fallback", digest=None, passed=False),
    )
    for changes, subjects in (
        ({"judgements": judged}, {"baseline": "b" * 64, "optimized": "1" * 64}),
        ({}, {"baseline": "b" * 64}),
        ({"baseline_digest": None}, {"evidence": "e" * 64}),
    ):
        data = sign(promotions.blocked(**changes), promotions.policy, None)
        found = open_envelope(data, trusted_keys())
        assert {entry.name: entry.digest.sha256 for entry in found.subject} == subjects
        assert found.predicate.files == ()


def test_only_what_was_decided_is_signed(variant: Path, tmp_path: Path, promotions: Any) -> None:
    decision, policy = promotions.decision(variant), promotions.policy
    other = promotions.variant(tmp_path / "other", weights=b"other")
    for complaint, arguments in {
        "nothing was signed": (decision, policy, other),
        "a promotion is signed with its folder": (decision, policy, None),
        "a BLOCKED decision without one": (promotions.blocked(), policy, variant),
        "another policy": (decision, ModelPolicy(tolerance=0.005), variant),
    }.items():
        with pytest.raises(LeanstageError, match=complaint):
            sign(*arguments)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"verdict": "PROMOTE_BASELINE"}, "verdict PROMOTE_BASELINE promotes optimized"),
        ({"promoted": "baseline"}, "verdict PROMOTE_OPTIMIZED promotes baseline"),
        ({"verdict": "BLOCKED"}, "verdict BLOCKED promotes optimized"),
        (
            {"verdict": "BLOCKED", "promoted": None},
            "a promoted role or a promoted digest, but not both",
        ),
        (
            {"verdict": "PROMOTE_BASELINE", "promoted": "baseline"},
            "not that of the baseline",
        ),
        ({"policy_sha256": "0" * 64}, "another policy"),
    ],
)
def test_a_decision_that_contradicts_itself_is_neither_signed_nor_read(
    changes: dict[str, Any],
    complaint: str,
    variant: Path,
    promotions: Any,
    refused: Callable[[bytes], str],
) -> None:
    decision = promotions.decision(variant, **changes)
    with pytest.raises(LeanstageError, match=complaint):
        sign(decision, promotions.policy, variant)
    statement = make_statement(decision, promotions.policy, file_entries(variant))
    assert complaint in refused(signed(payload_of(statement)))


def test_a_baseline_without_a_justification_is_neither_signed_nor_read(
    variant: Path, promotions: Any
) -> None:
    decision = promotions.decision(variant, "baseline", justification=None)
    with pytest.raises(VerificationError, match="the baseline without a justification"):
        sign(decision, promotions.policy, variant)


def forged(envelope: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> bytes:
    """Another statement under a genuine signature."""
    statement = json.loads(base64.b64decode(envelope["payload"]))
    change(statement)
    return signed(canonical_json(statement))


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("subject", 0, "digest", "sha256"), "0" * 64, "subject is not what its decision is about"),
        (("subject", 0, "name"), "fallback", "subject is not what its decision is about"),
        (("subject",), [], "subject: Tuple should have at least 1 item"),
        (("subject", 0, "digest"), {"sha512": "0" * 128}, "sha256: Field required"),
        (("predicate", "decision", "digest"), "0" * 64, "subject is not what"),
        (("predicate", "policy", "tolerance"), 0.02, "another policy"),
        (("predicate", "policy", "more"), 1, "another policy"),
        (("predicate", "files"), [], "lack leanstage.json"),
        (("_type",), "https://in-toto.io/Statement/v0.1", "_type: Input should be"),
        (("type",), "https://in-toto.io/Statement/v1", "type: Extra inputs are not permitted"),
        (("predicateType",), "https://slsa.dev/provenance/v1", "predicateType: Input should be"),
        (("predicate", "more"), 1, "more: Extra inputs are not permitted"),
        (("predicate", "decision", "verdict"), "MAYBE", "verdict: Input should be"),
        (("predicate", "schema_version"), 2, "schema_version: Input should be 1"),
    ],
)
def test_a_signed_statement_that_is_not_sound_is_refused(
    path: tuple[Any, ...],
    value: object,
    complaint: str,
    envelope: dict[str, Any],
    refused: Callable[[bytes], str],
) -> None:
    def change(statement: Any) -> None:
        for step in path[:-1]:
            statement = statement[step]
        statement[path[-1]] = value

    if path == ("predicate", "policy", "more"):
        complaint = "more: Extra inputs are not permitted"
    assert complaint in refused(forged(envelope, change))


@pytest.mark.parametrize("name", ["_type", "subject", "predicateType", "predicate"])
def test_a_statement_lacks_nothing(
    name: str, envelope: dict[str, Any], refused: Callable[[bytes], str]
) -> None:
    def change(statement: Any) -> None:
        del statement[name]

    assert f"{name}: Field required" in refused(forged(envelope, change))


def test_a_policy_field_of_a_later_release_does_not_unsettle_an_older_statement(
    envelope: dict[str, Any], promotions: Any
) -> None:
    def change(statement: Any) -> None:
        older = statement["predicate"]["policy"]
        del older["vs_champion"]
        statement["predicate"]["decision"]["policy_sha256"] = sha256_json(older)

    found = open_envelope(forged(envelope, change), trusted_keys())
    assert found.predicate.policy == promotions.policy


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b'{"_type":"a","_type":"b"}',
        b"[" * 50_000,
        b'{"a":NaN}',
    ],
)
def test_a_signed_payload_that_is_no_statement_is_refused(
    payload: bytes, refused: Callable[[bytes], str]
) -> None:
    assert "the signed statement cannot be read" in refused(signed(payload))


def test_a_payload_in_another_form_is_refused(
    envelope: dict[str, Any], refused: Callable[[bytes], str]
) -> None:
    payload = base64.b64decode(envelope["payload"])
    for other in (
        json.dumps(json.loads(payload)).encode(),
        payload + b"\n",
        payload.replace(b'"files":', b'"files":[],"files":'),
    ):
        assert "the signed statement cannot be read" in refused(signed(other))


def test_another_payload_type_is_refused(
    envelope: dict[str, Any], refused: Callable[[bytes], str]
) -> None:
    payload = base64.b64decode(envelope["payload"])
    assert "it is no decision" in refused(signed(payload, "application/json"))
    assert "does not fit" not in refused(canonical_json(envelope | {"payloadType": "text/plain"}))


def test_the_statement_survives_its_own_form(variant: Path, promotions: Any) -> None:
    statement = make_statement(
        promotions.decision(variant), promotions.policy, file_entries(variant)
    )
    assert Statement.model_validate_json(payload_of(statement)) == statement
    assert (
        Attestation.parse(statement.predicate.model_dump_json(), where="memory")
        == statement.predicate
    )
    assert open_envelope(enclose(statement, signer()), trusted_keys()) == statement
