"""What fits while searching: little is lost, and the gate will be able to tell."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanstage.contracts import ModelPolicy, PairedCounts, ValidationFigures
from leanstage.gate import accuracy_test
from leanstage.gate.accuracy import accuracy_loss
from leanstage.techniques.search import Budget

POLICY = ModelPolicy()


def figures(discordant: float | None, drop: float = 0.0) -> ValidationFigures:
    return ValidationFigures(
        n=853,
        accuracy=0.8,
        reference_accuracy=0.8,
        accuracy_drop=0.0,
        probability_drop=drop,
        probability_drop_se=0.003,
        discordant=discordant,
    )


def test_what_the_gate_could_not_tell_from_a_loss_does_not_fit() -> None:
    turning = figures(0.2)
    assert Budget(0.005).judge(turning, "label")[0]
    fits, reason = Budget(0.005, accuracy_test(POLICY, 1706)).judge(turning, "label")
    assert not fits
    assert "within the limit of 0.50%; but 20.0% of the answers turn right or wrong" in reason
    assert reason.endswith(
        "the gate's 1,706 evaluation rows could not rule out a loss of 2.13%, where the policy "
        "accepts 2.00%"
    )
    more = Budget(0.005, accuracy_test(POLICY, 17_060)).judge(turning, "label")
    assert more == Budget(0.005).judge(turning, "label")


def test_what_is_beyond_the_limit_is_refused_for_that_alone() -> None:
    test = accuracy_test(POLICY, 1706)
    lost = figures(0.5, drop=0.02)
    assert Budget(0.005, test).judge(lost, "label") == Budget(0.005).judge(lost, "label")


@pytest.mark.parametrize("known", [figures(None), figures(0.0)])
def test_where_nothing_is_known_or_turns_the_drop_decides(known: ValidationFigures) -> None:
    assert Budget(0.005, accuracy_test(POLICY, 1706)).judge(known, "label")[0]


def test_the_test_is_the_one_of_the_policy_for_both_candidates() -> None:
    policy = ModelPolicy(margin=0.03, confidence=0.9)
    found = accuracy_test(policy, 500)
    assert (found.rows, found.margin) == (500, 0.03)
    assert found.confidence == pytest.approx(0.95)


@given(
    st.integers(300, 5000).flatmap(
        lambda n: st.tuples(st.just(n), st.integers(0, n // 20), st.integers(0, n // 20))
    )
)
def test_a_search_and_the_gate_draw_the_line_at_the_same_place(
    drawn: tuple[int, int, int],
) -> None:
    """Of validation rows that tell the rates of the evaluation rows as they are.

    Where more is gained than lost, the search counts on nothing.
    """
    n, lost, gained = drawn
    lost = max(lost, gained)
    counts = PairedCounts(
        both_right=n - lost - gained, baseline_only=lost, candidate_only=gained, both_wrong=0
    )
    test = accuracy_test(POLICY, n)
    loss = accuracy_loss(counts, test.margin, test.confidence)
    shown = figures((lost + gained) / n, drop=counts.drop)
    fits, _ = Budget(math.inf, test).judge(shown, "label")
    if not math.isclose(loss.bound, test.margin, rel_tol=1e-6):
        assert fits == (loss.bound <= test.margin)


@pytest.mark.parametrize(("drop", "se"), [(0.002, 0.006), (0.0, 0.011), (0.009, 0.004)])
def test_the_assurance_is_how_often_the_gate_clears_what_fits(drop: float, se: float) -> None:
    """Drawn: what is true, as the validation rows leave it open, and then the evaluation rows."""
    test = accuracy_test(POLICY, 816)
    shown = figures(0.03, drop).model_copy(update={"probability_drop_se": se})
    rng = np.random.default_rng(0)
    cleared = 0
    for true in np.clip(rng.normal(drop, se, 1000), -0.03, 0.03):
        lost, gained = (0.03 + true) / 2, (0.03 - true) / 2
        only, other, _ = map(int, rng.multinomial(test.rows, [lost, gained, 0.97]))
        counts = PairedCounts(
            both_right=test.rows - only - other,
            baseline_only=only,
            candidate_only=other,
            both_wrong=0,
        )
        cleared += accuracy_loss(counts, test.margin, test.confidence).bound <= test.margin
    share = cleared / 1000
    assert 0.3 < share < 0.99
    assert Budget(0.01, test, share - 0.05).judge(shown, "label")[0]
    assert not Budget(0.01, test, share + 0.05).judge(shown, "label")[0]
