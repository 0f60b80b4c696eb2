"""The envelope: one form of bytes, and one signature."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope

from leanstage.contracts import (
    canonical_json,
)
from leanstage.gate.attestation import (
    VerificationError,
    open_envelope,
    sign,
    signer,
    trusted_keys,
)

TYPE = "application/vnd.in-toto+json"


def test_another_key_id_over_the_same_signature_is_refused(
    envelope: dict[str, Any], use_key: Callable[[str], str], refused: Callable[[bytes], str]
) -> None:
    envelope["signatures"][0]["keyid"] = "0" * 64
    assert "0000, which is not among those to trust" in refused(canonical_json(envelope))
    envelope["signatures"][0]["keyid"] = use_key("other")
    assert "does not fit the decision" in refused(canonical_json(envelope))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_a_second_signature_is_refused(
    first: bool, known: bool, envelope: dict[str, Any], use_key: Callable[[str], str]
) -> None:
    genuine = trusted_keys()
    use_key("second")
    made = Envelope(base64.b64decode(envelope["payload"]), TYPE, {})
    made.sign(signer())
    (second,) = made.to_dict()["signatures"]
    envelope["signatures"].insert(0 if first else 1, second)
    with pytest.raises(VerificationError, match="one signature"):
        open_envelope(canonical_json(envelope), trusted_keys() if known else genuine)


def test_a_statement_that_an_attacker_signed_is_refused(
    variant: Path, promotions: Any, use_key: Callable[[str], str]
) -> None:
    genuine = signer()
    gate = trusted_keys()
    attacker = use_key("attacker")
    data = sign(promotions.decision(variant), promotions.policy, variant)
    with pytest.raises(VerificationError, match=f"key {attacker}, which is not among"):
        open_envelope(data, gate)
    posing = json.loads(data)
    posing["signatures"][0]["keyid"] = genuine.public_key.keyid
    with pytest.raises(VerificationError, match="does not fit the decision"):
        open_envelope(canonical_json(posing), gate)


def altered(envelope: dict[str, Any]) -> dict[str, bytes]:
    """The same envelope in bytes that leanstage does not write."""
    data = canonical_json(envelope)
    (signature,) = envelope["signatures"]
    payload = envelope["payload"]
    return {
        "white space before": b" " + data,
        "white space after": data + b"\n",
        "white space within": data.replace(b'"payload":', b'"payload": '),
        "indented": json.dumps(envelope, indent=2).encode(),
        "other order": json.dumps(dict(reversed(envelope.items())), separators=(",", ":")).encode(),
        "a field more": canonical_json(envelope | {"more": 1}),
        "a field more in the signature": canonical_json(
            envelope | {"signatures": [signature | {"cert": ""}]}
        ),
        "a key twice": data.replace(b'"payload":', b'"payload":"","payload":'),
        "an escape": data.replace(b'"payload"', rb'"p\u0061yload"'),
        "no signature": canonical_json(envelope | {"signatures": []}),
        "the signature twice": canonical_json(envelope | {"signatures": [signature, signature]}),
        "an empty signature": canonical_json(envelope | {"signatures": [signature | {"sig": ""}]}),
        "no key id": canonical_json(envelope | {"signatures": [{"sig": signature["sig"]}]}),
        "an odd key id": canonical_json(
            envelope | {"signatures": [signature | {"keyid": "\x1b[2J"}]}
        ),
        "a number as key id": canonical_json(envelope | {"signatures": [signature | {"keyid": 1}]}),
        "base64 for URLs": data.replace(b"/", b"_").replace(b"+", b"-"),
        "base64 without padding": canonical_json(
            envelope | {"signatures": [signature | {"sig": signature["sig"].rstrip("=")}]}
        ),
        "base64 with stray bits": canonical_json(
            envelope | {"signatures": [signature | {"sig": signature["sig"][:-3] + "B=="}]}
        ),
        "base64 in lines": canonical_json(
            envelope | {"payload": payload[:76] + "\n" + payload[76:]}
        ),
        "a payload that is no text": canonical_json(envelope | {"payload": 1}),
        "signatures that are no list": canonical_json(envelope | {"signatures": signature}),
        "a list": canonical_json([envelope]),
        "null": b"null",
        "nothing": b"",
        "no JSON": data[:-1],
        "no UTF-8": b"\xff" + data,
        "a mark before": b"\xef\xbb\xbf" + data,
        "depth": b"[" * 100_000,
    }


def test_the_envelope_has_one_form(
    envelope: dict[str, Any], refused: Callable[[bytes], str]
) -> None:
    open_envelope(canonical_json(envelope), trusted_keys())
    for how, data in altered(envelope).items():
        assert data != canonical_json(envelope), how
        assert "\x1b" not in refused(data), how
