"""What optimizing would save in a year: the arithmetic, and what it is not claimed for."""

from typing import Any

import pytest

from leanstage.accounts import between, cost, emissions, load_factors
from leanstage.audit.yearly import RULE_OF_THUMB, Experience, experience, yearly
from leanstage.contracts import AuditEntry

FACTORS = load_factors()


def entry(**fields: Any) -> AuditEntry:
    known = {"model": "m", "version": "1", "status": "never-evaluated", "reason": "No gate."}
    return AuditEntry.model_validate(known | fields)


KNOWN = Experience((0.5, 0.75), "shares")
LAPSED = entry(
    status="justification-expired",
    requests_per_year=1e6,
    requests_from="a.csv",
    joules_per_answer=36.0,
    tier="measured",
)


def optimized(share: float, baseline: float = 2.0) -> AuditEntry:
    """One that needs ``share`` less than its baseline, which takes ``baseline`` J an answer."""
    return entry(
        status="optimized",
        saving=0.1,
        joules_per_answer=baseline * (1 - share),
        baseline_joules_per_answer=baseline,
    )


def test_experience_is_the_quartiles_of_ones_own_decisions() -> None:
    known = experience([optimized(share) for share in (0.2, 0.4, 0.6, 0.8, 0.9)])
    assert known.share == pytest.approx((0.4, 0.8))
    assert "quartiles of 5 decisions" in known.basis


def test_few_decisions_are_no_experience() -> None:
    known = experience([optimized(0.5), optimized(0.6)])
    assert known.share == RULE_OF_THUMB
    assert "rule of thumb" in known.basis
    assert "rule of thumb" in experience([]).basis


def test_only_what_a_gate_accepted_is_experience() -> None:
    refused = [optimized(0.9).model_copy(update={"status": "justified"})] * 5
    assert experience(refused).share == RULE_OF_THUMB


def test_a_saving_against_another_reference_than_the_baseline_is_no_experience() -> None:
    assert experience([entry(status="optimized", saving=0.3)] * 3).share == RULE_OF_THUMB


def test_a_share_that_costs_saves_nothing() -> None:
    assert experience([optimized(-0.5)] * 3).share == (0.0, 0.0)


def test_the_range_is_volume_times_energy_times_share() -> None:
    found = yearly(LAPSED, KNOWN, FACTORS)
    assert found is not None
    assert found.kwh == pytest.approx((5.0, 7.5))
    energy = between(5.0, 7.5, "kWh")
    assert found.tco2e == pytest.approx(emissions(energy, FACTORS).to("tCO2e"))
    assert found.money == pytest.approx(cost(energy, FACTORS).to("money"))
    assert found.currency == FACTORS.currency
    assert found.basis == (
        "shares; energy per answer: measured for its decision; requests: a.csv, an answer each."
    )


def test_what_was_estimated_is_as_wide_as_the_estimate() -> None:
    found = yearly(LAPSED.model_copy(update={"tier": "estimated"}), KNOWN, FACTORS)
    assert found is not None
    assert found.kwh == pytest.approx((5.0 * 0.4, 7.5 * 2.5))
    assert "estimated for its decision, so 0.4 to 2.5 times that" in found.basis


@pytest.mark.parametrize(
    "fields",
    [
        {"requests_per_year": None},
        {"status": "optimized", "requests_per_year": 1e6},
        {"status": "justified", "requests_per_year": 1e6},
        {"status": "drifted", "verdict": "PROMOTE_OPTIMIZED", "requests_per_year": 1e6},
    ],
)
def test_nothing_is_claimed_without_volume_or_where_a_gate_decided(fields: Any) -> None:
    decided = LAPSED.model_dump() | fields
    assert yearly(AuditEntry.model_validate(decided), KNOWN, FACTORS) is None


def test_nothing_is_claimed_without_any_energy() -> None:
    assert yearly(entry(requests_per_year=1e6), KNOWN, FACTORS) is None
    large = entry(requests_per_year=1e6, task="text-generation", parameters=7_000_000_000)
    assert yearly(large, KNOWN, FACTORS) is None


def test_an_encoder_is_estimated_by_its_size_where_nothing_was_measured() -> None:
    found = yearly(
        entry(requests_per_year=1e6, task="text-classification", parameters=227_000_000),
        KNOWN,
        FACTORS,
    )
    assert found is not None
    # Ten times the size of the demo's baseline, a third to three times its energy.
    assert found.joules_per_answer == pytest.approx((0.0888, 0.7992))
    assert found.kwh == pytest.approx((0.0888 * 0.5 / 3.6, 0.7992 * 0.75 / 3.6))
    assert "a rule of thumb, by its parameters" in found.basis


def test_what_is_not_asked_saves_nothing() -> None:
    found = yearly(LAPSED.model_copy(update={"requests_per_year": 0.0}), KNOWN, FACTORS)
    assert found is not None
    assert found.kwh == found.money == (0.0, 0.0)
