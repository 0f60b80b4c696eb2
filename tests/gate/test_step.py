"""The gate's step: the policy that holds is its own, the ruling is signed and kept."""

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from leanstage.audit.history import evidence_of
from leanstage.calibrate import log_profile
from leanstage.contracts import Champion, Decision
from leanstage.gate.dossier import Dossier, dossier_of_files
from leanstage.gate.record import signed_statement
from leanstage.gate.step import UNKNOWN, champion_now, rule
from leanstage.registry import champions, runs
from leanstage.registry.client import connect
from leanstage.registry.versions import find_by_digest
from leanstage.report.step import report_inputs, write_report
from leanstage.resolve import Request, Targets, resolve
from leanstage.variant.hardware import hardware_profile
from tests.accounts.evidence import comparison
from tests.report.conftest import PLAN

NAMES = [field.name for field in fields(Targets)]


@pytest.fixture
def dossier(
    tiny_checkpoint: Callable[[str], Path],
    data: dict[str, Path],
    tmp_path: Path,
    mlflow_here: str,
) -> Dossier:
    """A run under the lenient policy, whose candidates are still to come."""
    resolve(
        Request(
            model=str(tiny_checkpoint("bert")),
            train=str(data["train"]),
            evaluation=str(data["evaluation"]),
            name="tiny",
            policy="lenient",
        ),
        Targets(**{name: tmp_path / name for name in NAMES}),
    )
    nothing = (str(tmp_path / "no"), str(tmp_path / "no"), str(tmp_path / "no"))
    first = (str(tmp_path / "one"), str(tmp_path / "one-evaluated"), str(tmp_path / "one-measured"))
    return dossier_of_files(
        context=str(tmp_path / "context"),
        plan=str(tmp_path / "plan"),
        baseline=str(tmp_path / "baseline"),
        optimized=first,
        fallback=nothing,
    )


def codes(decision: Decision) -> set[str]:
    return {reason.code for reason in decision.reasons}


def test_the_embedded_gate_rules_under_the_policy_of_the_run(dossier: Dossier) -> None:
    decision = rule(dossier)
    assert decision.verdict == "BLOCKED"
    assert decision.policy_name == "lenient"
    assert "policy.untrusted" not in codes(decision)
    assert "evidence.missing" in codes(decision)
    assert "could have written the policy" in decision.guarantee


def test_a_lenient_policy_of_the_run_does_not_hold_where_the_gate_has_its_own(
    dossier: Dossier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "policies"
    place.mkdir()
    (place / "own.yaml").write_text("name: own\nmodels: ['tin*']\ntolerance: 0.001\n")
    monkeypatch.setenv("LEANSTAGE_POLICY", str(place))
    decision = rule(dossier)
    assert decision.verdict == "BLOCKED"
    assert decision.policy_name == "own"
    assert "policy.untrusted" in codes(decision)
    (said,) = [r.sentence for r in decision.reasons if r.code == "policy.untrusted"]
    assert "lenient" in said
    assert str(place) in said


def test_a_model_that_no_policy_covers_is_blocked_and_not_an_accident(
    dossier: Dossier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "policy.yaml"
    place.write_text("name: other\nmodels: ['other']\n")
    monkeypatch.setenv("LEANSTAGE_POLICY", str(place))
    decision = rule(dossier)
    assert decision.verdict == "BLOCKED"
    assert "policy.untrusted" in codes(decision)


def test_the_hardware_is_the_policys_and_not_that_of_the_run(
    dossier: Dossier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = dossier.context().policy.model_copy(update={"hardware": "serving-pool"})
    place = tmp_path / "policy.yaml"
    place.write_text(policy.model_dump_json())
    monkeypatch.setenv("LEANSTAGE_POLICY", str(place))
    # As whoever resolves for themselves could write it: the policy holds, the hardware is theirs.
    context = dossier.context().model_copy(update={"policy": policy})
    context.save(dossier.context_file)

    def said() -> list[str]:
        return [r.sentence for r in rule(dossier).reasons if r.code == "policy.untrusted"]

    assert "no hardware profile named 'serving-pool'" in said()[0]
    here = hardware_profile().model_copy(update={"name": "serving-pool"})
    log_profile(here)
    assert said() == []
    # Of a family that no machine has.
    log_profile(here.model_copy(update={"family": 9999}))
    assert "the policy lenient names the hardware serving-pool, which is" in said()[0]


def test_the_ruling_is_signed_and_kept_with_its_history(dossier: Dossier) -> None:
    first, second = rule(dossier), rule(dossier)
    statement = signed_statement(second.run_id)
    assert statement.predicate.decision == second
    assert statement.predicate.policy.sha256() == second.policy_sha256
    kept = {item.path for item in connect().list_artifacts(first.run_id, "decisions")}
    assert len([path for path in kept if path.endswith(".dsse.json")]) >= 1
    assert len(kept) % 2 == 0


def test_the_champion_of_the_moment_counts_and_not_that_of_the_context(dossier: Dossier) -> None:
    context = dossier.context()
    assert champion_now(context) is None
    baseline = find_by_digest("tiny", context.baseline_digest)
    assert baseline is not None
    client = connect()
    client.set_registered_model_alias("tiny", "champion", baseline.version)
    now = champion_now(context)
    assert now == Champion(version=baseline, digest=UNKNOWN), "its digest was never stated"
    pinned = context.model_copy(
        update={"champion": Champion(version=baseline, digest=context.baseline_digest)}
    )
    assert champion_now(pinned) == pinned.champion


def test_a_champion_that_a_gate_promoted_since_is_known_by_its_digest(dossier: Dossier) -> None:
    context = dossier.context()
    client = connect()
    source = client.get_model_version("tiny", "1").source
    made = client.create_model_version(
        "tiny",
        source,
        tags={"leanstage.state": "promoted", "leanstage.digest": "a" * 64},
    )
    now = champion_now(context)
    assert now is not None
    assert now.digest == "a" * 64
    assert now.version.version == str(made.version)
    assert champions.champion("tiny") == now.version


def test_broken_factors_stop_neither_the_card_nor_the_report(
    dossier: Dossier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEANSTAGE_FACTORS", str(tmp_path / "gone.yaml"))
    PLAN.save(dossier.plan_file)
    decision = rule(dossier)
    assert report_inputs(dossier, decision, dossier.context().policy).factors is None
    page = tmp_path / "report.md"
    write_report(dossier, decision, html=tmp_path / "report.html", markdown=page)
    text = page.read_text()
    assert re.search(r"gone.*cannot be read.*Neither emissions nor cost are stated\.", text)


def test_what_was_judged_is_told_from_what_was_put_in_its_place(
    dossier: Dossier, tmp_path: Path
) -> None:
    energy = comparison()
    energy.save(dossier.candidates["optimized"].energy)
    decision = rule(dossier)
    kept = tmp_path / "kept"
    runs.log_file(decision.run_id, dossier.context().save(kept / "context.json"))
    runs.log_file(decision.run_id, energy.save(kept / "energy.json"), "optimized")
    assert evidence_of(decision) == energy
    forged = comparison(loads=()).save(tmp_path / "forged" / "energy.json")
    runs.log_file(decision.run_id, forged, "optimized")
    assert evidence_of(decision) is None
