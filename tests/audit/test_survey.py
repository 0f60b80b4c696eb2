"""How versions stand, against a real MLflow and promotions that really happened."""

from pathlib import Path

import pytest

from leanstage.audit import coverage_sentence, survey
from leanstage.contracts import TECHNIQUES, Audit, AuditEntry
from leanstage.gate import attestation
from leanstage.registry.client import RegistryError
from tests.audit.conftest import HOSTILE, SOON, Registry

pytestmark = pytest.mark.usefixtures("at_the_registry")


@pytest.fixture(scope="module")
def audit(registry: Registry) -> Audit:
    with registry.here():
        return survey(["production"], lambda _: None, now=SOON)


def entry(audit: Audit, model: str) -> AuditEntry:
    (found,) = (each for each in audit.entries if each.model == model)
    return found


def test_every_version_behind_a_serving_alias_and_no_other(audit: Audit) -> None:
    assert {(each.model, each.status) for each in audit.entries} == {
        ("lean", "optimized"),
        ("hidden", "optimized"),
        ("kept", "justified"),
        ("lapsed", "justification-expired"),
        ("tampered", "drifted"),
        ("rewritten", "drifted"),
        ("moved", "drifted"),
        ("moved", "optimized"),
        ("borrowed", "drifted"),
        ("bare", "unverifiable"),
        ("tiny", "never-evaluated"),
        (HOSTILE, "never-evaluated"),
    }
    assert entry(audit, "tiny").aliases == ("production",)
    ranked = [each.status for each in audit.entries]
    assert ranked[0] == "drifted"
    assert ranked[-1] == "optimized"


def test_without_the_alias_it_is_no_serving_version(registry: Registry) -> None:
    names = {each.model for each in survey(tell=lambda _: None).entries}
    assert "tiny" not in names
    assert "lean" in names


def test_figures_are_those_that_were_signed(audit: Audit) -> None:
    lean = entry(audit, "lean")
    assert (lean.saving, lean.saving_bound) == (0.52, 0.48)
    assert lean.verdict == "PROMOTE_OPTIMIZED"
    assert (lean.runtime, lean.precision) == ("torch", "fp32")
    assert lean.bytes is not None
    assert lean.bytes > 1000
    assert lean.techniques == TECHNIQUES
    assert lean.decided is not None
    assert lean.age_days == pytest.approx(30, abs=0.1)


def test_a_justified_baseline_counts_what_was_evaluated_before(audit: Audit) -> None:
    kept = entry(audit, "kept")
    assert kept.techniques == TECHNIQUES
    assert kept.saving is None
    assert "ada" in kept.reason


def test_what_is_not_as_it_was_signed_says_how(audit: Audit) -> None:
    tampered, rewritten = entry(audit, "tampered"), entry(audit, "rewritten")
    assert "f" * 64 in tampered.reason
    assert "leanstage.json is not the one that was signed" in rewritten.reason
    assert tampered.error is None
    assert rewritten.error is None
    assert "expired" in entry(audit, "lapsed").reason
    assert "promotes it as a version of lean" in entry(audit, "borrowed").reason


def test_what_cannot_be_read_is_a_row_and_the_audit_incomplete(audit: Audit) -> None:
    error = entry(audit, "bare").error
    assert error is not None
    assert "decision.dsse.json" in error
    assert not audit.complete
    assert [each.model for each in audit.entries if each.error] == ["bare"]
    assert "Incomplete: 1 could not be read." in coverage_sentence(audit)


def test_coverage_adds_up(audit: Audit) -> None:
    found = audit.coverage
    assert (found.models, found.optimized, found.justified, found.rest) == (12, 3, 1, 8)
    assert found.evaluated == 6
    assert coverage_sentence(audit).startswith(
        "Of 12 serving versions and workloads, 6 (50%) were evaluated for all three "
        "techniques; 3 optimized"
    )


def test_keys_that_are_not_trusted_vouch_for_nothing(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attestation.generate(tmp_path / "other")
    monkeypatch.setenv("LEANSTAGE_TRUST", str(tmp_path / "other"))
    other = entry(survey(tell=lambda _: None), "lean")
    assert other.status == "unverifiable"
    assert "not among those to trust" in other.reason


def test_without_any_key_to_trust_the_audit_is_incomplete(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEANSTAGE_TRUST", str(tmp_path / "nothing"))
    taken = survey(["production"], tell=lambda _: None)
    assert entry(taken, "tiny").error is None
    assert "holds no public key" in str(entry(taken, "lean").error)
    assert not taken.complete


def test_a_registry_that_cannot_be_read_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError, match=r"MLflow at http://127\.0\.0\.1:9 refused"):
        survey(tell=lambda _: None)
