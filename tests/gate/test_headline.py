"""What a table of runs shows of a decision."""

from leanstage.contracts import Decision, Judgement, ModelVersion, Role, Verdict
from leanstage.gate.headline import headline

JUDGED = (
    Judgement(candidate="optimized", digest="1" * 64, passed=False, drop=0.03, saving=0.6),
    Judgement(
        candidate="fallback",
        digest="2" * 64,
        passed=True,
        drop=-0.01,
        drop_bound=0.004,
        saving=0.5,
        saving_bound=0.4,
    ),
)


def decision(
    verdict: Verdict, promoted: Role | None, judgements: tuple[Judgement, ...]
) -> Decision:
    return Decision(
        verdict=verdict,
        sentence="As judged.",
        judgements=judgements,
        promoted=promoted,
        deploy="optimized",
        source=ModelVersion(name="m", version="1", created_ms=1),
        baseline_digest="0" * 64,
        policy_name="default",
        policy_sha256="3" * 64,
        evidence_sha256="4" * 64,
        guarantee="None.",
        run_id="r",
        decided="2026-01-01T00:00:00+00:00",
    )


def test_the_figures_are_those_of_what_is_promoted() -> None:
    assert headline(decision("PROMOTE_OPTIMIZED", "fallback", JUDGED)) == {
        "verdict": "PROMOTE_OPTIMIZED",
        "accuracy_drop": -0.01,
        "accuracy_drop_bound": 0.004,
        "energy_saving": 0.5,
        "energy_saving_bound": 0.4,
    }


def test_where_no_candidate_is_promoted_they_are_those_of_the_first() -> None:
    for verdict, promoted in (("BLOCKED", None), ("PROMOTE_BASELINE", "baseline")):
        assert headline(decision(verdict, promoted, JUDGED)) == {  # type: ignore[arg-type]
            "verdict": verdict,
            "accuracy_drop": 0.03,
            "energy_saving": 0.6,
        }


def test_without_a_judgement_there_is_the_verdict() -> None:
    assert headline(decision("BLOCKED", None, ())) == {"verdict": "BLOCKED"}
