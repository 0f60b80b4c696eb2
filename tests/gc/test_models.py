"""Promoted bytes: what a rollback may need stays, what nobody can reach goes."""

import pytest
from mlflow.exceptions import MlflowException

from leanstage.errors import InputError
from tests.gc.conftest import State


def test_champions_beyond_the_kept_ones_go(state: State) -> None:
    models = [state.model() for _ in range(4)]
    for model in models:
        state.version("m", model)
    state.client.set_registered_model_alias("m", "champion", "4")
    assert state.survey(state.rules()).items == (), "they served yesterday"
    rules = state.rules(later=100, keep=1)
    plan = state.survey(rules)
    assert {(item.kind, item.name, item.bytes) for item in plan.items} == {
        ("earlier champion", model, 1000) for model in models[:2]
    }
    assert all(state.client.get_logged_model(model) for model in models), "looking deletes nothing"
    assert {name for _, name in state.collect(rules)} == set(models[:2])
    for model in models[2:]:
        assert state.client.get_logged_model(model).status == "READY"
    with pytest.raises(MlflowException):
        state.client.get_logged_model(models[0])
    assert state.client.get_model_version("m", "1").tags["leanstage.collected"]
    assert state.collect(rules) == []


def test_a_rollback_keeps_the_model_that_it_shares(state: State) -> None:
    first, second, third = (state.model() for _ in range(3))
    for model in (first, second, third, first):
        state.version("m", model)
    assert state.collect(state.rules(later=100, keep=1)) == [("earlier champion", second)]


def test_a_justified_baseline_and_an_aliased_version_stay(state: State) -> None:
    justified, aliased, plain, last, now = (state.model() for _ in range(5))
    state.version("m", justified, verdict="PROMOTE_BASELINE")
    state.version("m", aliased, alias="canary")
    for model in (plain, last, now):
        state.version("m", model)
    assert state.collect(state.rules(later=100, keep=1)) == [("earlier champion", plain)]


def test_broken_off_promotions_go_after_a_day(state: State) -> None:
    pending, failed, ready, abandoned, foreign = (
        state.model("PENDING"),
        state.model("FAILED"),
        state.model(),
        state.model(),
        state.model(ours=False),
    )
    state.version("m", abandoned, state="abandoned")
    assert state.survey(state.rules(later=0.5)).items == ()
    assert state.collect(state.rules(later=2)) == sorted(
        ("half-stored", model) for model in (pending, failed, ready)
    )
    assert state.collect(state.rules(later=100)) == [("earlier champion", abandoned)]
    assert state.client.get_logged_model(foreign)


def test_a_model_of_a_claim_under_way_stays(state: State) -> None:
    state.version("m", state.model(), state="pending")
    assert state.survey(state.rules(later=100)).items == ()


def test_a_state_that_is_not_known_keeps_all_of_the_model(state: State) -> None:
    for number in range(3):
        state.version("m", state.model(), state="promoted" if number else "paused")
    plan = state.survey(state.rules(later=100, keep=1))
    assert plan.items == ()
    assert "paused" in plan.kept[0].reason


UNSEEN = '[{"name": "team-b/secret", "version": 1}, {"name": "m", "version": 1}]'


@pytest.mark.parametrize("tag", [UNSEEN, "not JSON", '[{"name": "m"}]', '{"m": 1}'])
def test_what_a_version_out_of_sight_needs_stays(state: State, tag: str) -> None:
    first, half = state.model(), state.model("PENDING")
    for model in (first, state.model(), state.model()):
        state.version("m", model)
    rules = state.rules(later=100, keep=1)
    items = state.survey(rules).items
    assert {item.name for item in items} == {first, half}
    for model in (first, half):
        state.client.set_logged_model_tags(model, {"mlflow.modelVersions": tag})
    assert [item.delete() for item in items] == [False, False], "it came up since the look"
    plan = state.survey(rules)
    assert plan.items == ()
    assert {kept.name for kept in plan.kept} == {first, half}
    assert all("version" in kept.reason for kept in plan.kept)
    assert state.client.get_logged_model(first).status == "READY"


def test_what_a_copy_of_a_version_needs_stays(state: State) -> None:
    """A copy names the version that it was made of as its source, not the stored model."""
    first = state.model()
    state.version("m", first)
    copied = state.client.copy_model_version("models:/m/1", "copy")
    assert first not in copied.source
    for _ in range(2):
        state.version("m", state.model())
    rules = state.rules(later=100, keep=1)
    assert state.survey(rules).items == ()
    state.client.delete_model_version("m", "1")
    assert state.survey(rules).items == ()


def test_what_became_champion_since_the_look_stays(state: State) -> None:
    first, second, third = (state.model() for _ in range(3))
    for model in (first, second, third):
        state.version("m", model)
    rules = state.rules(later=100, keep=1)
    (item,) = state.survey(rules).items
    assert item.name == first
    state.version("m", first)
    assert item.delete() is False
    assert state.client.get_logged_model(first).status == "READY"


def test_a_rollback_always_finds_one(state: State) -> None:
    with pytest.raises(InputError, match="keep at least one"):
        state.survey(state.rules(keep=0))
