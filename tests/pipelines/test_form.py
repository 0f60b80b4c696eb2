"""The run form explains every parameter, and offers what the code accepts."""

from typing import Any, get_args

import pytest

from leanstage import components
from leanstage.contracts import Deploy
from leanstage.errors import InputError
from leanstage.pipelines import PIPELINES, Platform, on_platform
from leanstage.resolve.request import deploy_of

REQUIRED = {
    "deploy": "model",
    "optimize": "model",
    "decide": "run_id",
    "rejudge": "run_id",
    "calibrate": "profile",
}


def parameters(component: Any) -> dict[str, Any]:
    return dict(component.pipeline_spec.root.input_definitions.parameters)


def explained(component: Any) -> list[str]:
    """The parameters in the order in which the description explains them."""
    lines = component.description.splitlines()
    return [line.split("`")[1] for line in lines if line.startswith("- `")]


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("platform", [None, Platform()])
def test_every_parameter_is_explained_in_the_description(
    name: str, platform: Platform | None
) -> None:
    component = PIPELINES[name] if platform is None else on_platform(PIPELINES[name], platform)
    found = explained(component)
    assert sorted(found) == sorted(parameters(component))
    for parameter, field in parameters(component).items():
        assert field.description, parameter
        assert field.description in component.description


@pytest.mark.parametrize("name", REQUIRED)
def test_one_parameter_is_required_and_comes_first(name: str) -> None:
    component = on_platform(PIPELINES[name], Platform())
    required = [key for key, field in parameters(component).items() if not field.is_optional]
    assert required == [REQUIRED[name]] == explained(component)[:1]
    assert f"`{required[0]}` (required)" in component.description


def test_only_the_audit_starts_as_it_is() -> None:
    assert set(PIPELINES) - set(REQUIRED) == {"audit"}
    assert all(field.is_optional for field in parameters(PIPELINES["audit"]).values())


@pytest.mark.parametrize("name", PIPELINES)
def test_what_only_some_runs_need_comes_last_also_by_name(name: str) -> None:
    component = on_platform(PIPELINES[name], Platform())
    workers = [key for key in parameters(component) if key.startswith("worker_")]
    for order in (explained(component), sorted(parameters(component))):
        assert sorted(order[len(order) - len(workers) :]) == sorted(workers)


@pytest.mark.parametrize("name", ["deploy", "optimize"])
def test_the_dropdown_offers_what_resolve_accepts(name: str) -> None:
    field = parameters(PIPELINES[name])["deploy"]
    offered = [value.string_value for value in field.literals]
    assert tuple(offered) == get_args(Deploy)
    assert [deploy_of(value) for value in offered] == offered
    with pytest.raises(InputError):
        deploy_of("something else")
    assert field.default_value.string_value in offered


@pytest.mark.parametrize("name", PIPELINES)
def test_only_what_has_fixed_values_is_a_dropdown(name: str) -> None:
    offered = {key for key, field in parameters(PIPELINES[name]).items() if field.literals}
    assert offered <= {"deploy"}, "a policy may be a path"


@pytest.mark.parametrize(
    ("component", "output", "kind"),
    [
        ("report", "html", "system.HTML"),
        ("report", "markdown", "system.Markdown"),
        ("evaluate", "metrics", "system.Metrics"),
        ("evaluate", "confusion", "system.ClassificationMetrics"),
        ("energy_measure", "metrics", "system.Metrics"),
        ("gate", "metrics", "system.Metrics"),
        ("inventory", "html", "system.HTML"),
        ("inventory", "markdown", "system.Markdown"),
        ("inventory", "metrics", "system.Metrics"),
    ],
)
def test_the_run_view_knows_what_to_draw(component: str, output: str, kind: str) -> None:
    spec = getattr(components, component).component_spec
    assert spec.outputs[output].type.partition("@")[0] == kind
