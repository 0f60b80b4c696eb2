"""Whatever state MLflow is in: champions, justified baselines and evidence survive."""

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from leanstage.gc.artifacts import files_of_model, files_of_run
from tests.gc.conftest import EVIDENCE, WEIGHTS, State

VERSION = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["promoted"] * 8 + ["pending", "abandoned", None]),
        "verdict": st.sampled_from(["PROMOTE_OPTIMIZED"] * 2 + ["PROMOTE_BASELINE"]),
        "alias": st.sampled_from([None, None, "alias"]),
        "shared": st.sampled_from([False, False, True]),
    }
)
RUN = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["FINISHED", "FAILED", "KILLED", "RUNNING"]),
        "days_ago": st.sampled_from([0, 89, 91, 4000]),
        "files": st.lists(st.sampled_from([*EVIDENCE[:6], EVIDENCE[6], EVIDENCE[9], *WEIGHTS])),
        "tags": st.sampled_from(
            [{}, {"leanstage.verdict": "BLOCKED"}, {"leanstage.kind": "proposal"}]
        ),
        "params": st.sampled_from([None, None, {}]),
    }
)


@settings(
    max_examples=20,
    deadline=None,
    # Every example is a database of its own kind: the first that fails is small enough.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    versions=st.lists(VERSION, min_size=2, max_size=7),
    strange=st.sampled_from([False] * 7 + [True]),
    runs=st.lists(RUN, max_size=2),
    keep=st.sampled_from([1, 1, 2]),
    later=st.sampled_from([0, 100, 100, 100]),
)
def test_nothing_that_is_needed_goes(
    state: State, versions: list[Any], strange: bool, runs: list[Any], keep: int, later: float
) -> None:
    example = len(state.client.search_experiments())
    state.runs, state.promoted = f"runs-{example}", f"promoted-{example}"
    name = f"model-{example}"
    made = _versions(state, name, versions)
    if strange:
        state.client.set_model_version_tag(name, "1", "leanstage.state", "strange")
        made = [(model_id, {**about, "state": "strange"}) for model_id, about in made]
    kept_runs = {}
    for about in runs:
        files = tuple(dict.fromkeys(about["files"]))
        run_id = state.run(**{**about, "files": files})
        kept_runs[run_id] = (about, set(files))

    rules = state.rules(later=later, keep=keep)
    went = {where for _, where in state.collect(rules)}

    assert not went & _must_stay(state, name, made, keep)
    for model_id in {model_id for model_id, _ in made} - went:
        assert files_of_model(model_id)
    for run_id, (about, files) in kept_runs.items():
        young = about["days_ago"] + later < 90
        may_lose = about["params"] is None and about["status"] != "RUNNING" and not young
        lost = files - set(files_of_run(run_id))
        assert lost == (files & set(WEIGHTS) if may_lose else set())
        if files:
            assert state.client.get_run(run_id).info.lifecycle_stage == "active"
    assert state.collect(rules) == []


def _versions(state: State, name: str, versions: list[Any]) -> list[tuple[str, Any]]:
    """Models and what their versions are, in the order of the versions."""
    made: list[tuple[str, Any]] = []
    for about in versions:
        model_id = made[0][0] if made and about["shared"] else state.model()
        # An alias is at one version: each has its own.
        alias = about["alias"] and f"alias-{len(made)}"
        state.version(name, model_id, about["state"], about["verdict"], alias)
        made.append((model_id, about))
    return made


def _must_stay(state: State, name: str, made: list[tuple[str, Any]], keep: int) -> set[str]:
    """Models that a person would never want to lose, told without asking the code."""
    if any(about["state"] == "strange" for _, about in made):
        return {model_id for model_id, _ in made}
    champions: list[str] = []
    for model_id, about in reversed(made):
        if about["state"] == "promoted" and model_id not in champions:
            champions.append(model_id)
    stay = set(champions[: keep + 1])
    stay |= {m for m, about in made if about["state"] == "pending" or about["state"] is None}
    stay |= {
        m
        for m, about in made
        if about["state"] == "promoted" and about["verdict"] == "PROMOTE_BASELINE"
    }
    if made:
        registered = state.client.get_registered_model(name)
        stay |= {made[int(number) - 1][0] for number in registered.aliases.values()}
    return stay
