"""Verification: what was promoted, whether it still holds, and who signed it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leanstage.contracts import canonical_json
from leanstage.errors import InputError
from leanstage.gate.attestation import (
    VerificationError,
    enclose,
    lay,
    read,
    sign,
    signer,
    trusted_keys,
    verify,
)
from leanstage.gate.attestation.statement import make_statement
from leanstage.variant import open_variant
from leanstage.variant.digest import file_entries

ENVELOPE = "attestation/decision.dsse.json"


def test_a_promoted_folder_says_what_was_decided(folder: Path, promotions: Any) -> None:
    verified = promotions.verify(folder)
    assert verified.decision == promotions.decision(folder)
    assert verified.policy == promotions.policy
    assert verified.digest == open_variant(folder).digest
    assert verified.keyid in trusted_keys().keys
    assert verified.signed.endswith("+00:00")
    assert verified.justification is None
    assert (folder / ENVELOPE).stat().st_mode & 0o777 == 0o644


def test_verifying_writes_nothing_and_reads_each_file_once(
    folder: Path, promotions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    hashed: list[str] = []
    real = hashlib.file_digest

    def digest(stream: Any, name: str) -> Any:
        hashed.append(Path(stream.name).relative_to(folder).as_posix())
        return real(stream, name)

    monkeypatch.setattr("hashlib.file_digest", digest)
    trust = trusted_keys()
    before = {path: path.stat() for path in sorted(folder.rglob("*"))}
    verify(folder, trust, promotions.now)
    assert sorted(hashed) == ["config.json", "leanstage.json", "onnx/model.onnx", "tokenizer.json"]
    for path, stat in before.items():
        assert path.stat().st_mtime_ns == stat.st_mtime_ns
    assert sorted(folder.rglob("*")) == list(before)


def test_the_statement_of_another_variant_does_not_help(
    folder: Path, tmp_path: Path, promotions: Any
) -> None:
    other = promotions.variant(tmp_path / "other", weights=b"other weights")
    lay(other, read(folder))
    said = promotions.refused(other)
    assert "'leanstage.json', 'onnx/model.onnx' changed" in said


def test_an_older_promotion_of_the_same_name_is_its_own(
    folder: Path, tmp_path: Path, promotions: Any
) -> None:
    newer = promotions.signed(promotions.variant(tmp_path / "newer", weights=b"newer"))
    older = read(folder)
    lay(folder, read(newer))
    lay(newer, older)
    for swapped in (folder, newer):
        assert "is not what was signed" in promotions.refused(swapped)


def test_a_blocked_decision_promotes_nothing(folder: Path, promotions: Any) -> None:
    judged = promotions.blocked(baseline_digest=open_variant(folder).digest)
    lay(folder, sign(judged, promotions.policy, None))
    assert "BLOCKED, nothing was promoted: Nothing ships." in promotions.refused(folder)


def test_the_signature_must_be_of_a_trusted_key(
    folder: Path, tmp_path: Path, promotions: Any, use_key: Callable[[str], str]
) -> None:
    gate = trusted_keys()
    attacker = use_key("attacker")
    forged = promotions.signed(promotions.variant(tmp_path / "forged", weights=b"backdoor"))
    with pytest.raises(VerificationError, match=f"key {attacker}, which is not among"):
        verify(forged, gate, promotions.now)
    envelope = json.loads(read(forged))
    (genuine,) = gate.keys
    envelope["signatures"][0]["keyid"] = genuine
    lay(forged, canonical_json(envelope))
    with pytest.raises(VerificationError, match="does not fit the decision"):
        verify(forged, gate, promotions.now)
    envelope["signatures"] = json.loads(read(folder))["signatures"]
    lay(forged, canonical_json(envelope))
    with pytest.raises(VerificationError, match="does not fit the decision"):
        verify(forged, gate, promotions.now)


def test_a_list_of_files_in_another_order_is_refused(folder: Path, promotions: Any) -> None:
    entries = list(reversed(file_entries(folder)))
    statement = make_statement(promotions.decision(folder), promotions.policy, entries)
    lay(folder, enclose(statement, signer()))
    assert "its files in another order" in promotions.refused(folder)


def test_a_digest_that_the_files_do_not_give_is_refused(folder: Path, promotions: Any) -> None:
    decision = promotions.decision(folder, digest="0" * 64)
    statement = make_statement(decision, promotions.policy, file_entries(folder))
    lay(folder, enclose(statement, signer()))
    assert f"the decision promotes {'0' * 64}" in promotions.refused(folder)


EXPIRY = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize("expires", ["2026-11-24", "2026-11-24T23:59:59.999999Z"])
def test_a_justification_holds_to_its_last_moment(
    expires: str, tmp_path: Path, promotions: Any
) -> None:
    use = promotions.justification(expires=expires)
    folder = promotions.variant(tmp_path / "promoted")
    promotions.signed(folder, "baseline", justification=use)
    trust = trusted_keys()
    last = EXPIRY - timedelta(microseconds=1)
    assert verify(folder, trust, last).justification == use
    with pytest.raises(VerificationError, match=r"approval-1, .* expired on 2026-11-24"):
        verify(folder, trust, EXPIRY)


def test_a_time_without_a_zone_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="no time zone"):
        verify(folder, trusted_keys(), datetime(2026, 11, 24))


@pytest.mark.parametrize("expires", ["", "never", "2026-11-24T23:00:00", "2026-02-30"])
def test_an_expiry_that_is_no_moment_has_passed(
    expires: str, tmp_path: Path, promotions: Any
) -> None:
    use = promotions.justification(expires=expires)
    folder = promotions.variant(tmp_path / "promoted")
    promotions.signed(folder, "baseline", justification=use)
    assert "expired on" in promotions.refused(folder)


def test_laying_again_replaces_the_envelope_whole(folder: Path, promotions: Any) -> None:
    lay(folder, sign(promotions.decision(folder), promotions.policy, folder))
    promotions.verify(folder)
    assert [path.name for path in (folder / "attestation").iterdir()] == ["decision.dsse.json"]
