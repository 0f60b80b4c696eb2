"""The run form: what every parameter means, which values it takes, and its default.

The form in the Kubeflow UI sorts parameters by name and shows one text, the description of the
pipeline; so the description explains them, those to fill in first, and the names of what only
some runs need begin with ``worker_`` to come last.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from kfp import dsl

from leanstage.errors import InputError
from leanstage.pipelines._compiling import Compiling, asked_of, compiling, config_of
from leanstage.pipelines._platform import Platform

EXPLAINED = {
    "model": (
        "the model to optimize: `models:/name/3` or `models:/name@alias` (MLflow), "
        "`hf://org/name@commit`, or `s3://...` of a checkpoint in safetensors."
    ),
    "train_data": (
        "URI of the rows to learn on, JSON Lines or parquet with `text` and `label`; empty takes "
        "what the policy names, as for all data."
    ),
    "evaluation_data": "URI of the rows that the gate judges on; bring at least 300.",
    "validation_data": (
        "URI of rows to choose settings on, new to the model; empty sets some of the others aside."
    ),
    "unlabelled_data": "URI of further text to learn on; may be empty.",
    "production_data": (
        "URI of a sample of what production asks, text without labels; half of it is learnt on, on "
        "the other half candidate and baseline have to agree. May be empty."
    ),
    "student": (
        "a pretrained checkpoint to distill into, by a URI like that of the model, beside the "
        "students cut from the model; may be empty."
    ),
    "name": "the registered model; empty keeps the name that the model goes by.",
    "policy": (
        "what a promotion must show: `default`, `strict`, `lenient`, or the URI of a policy in "
        "YAML; empty takes the one that holds for the model. Where the platform keeps policies, "
        "a run that states another one is refused."
    ),
    "hardware": (
        "the hardware profile of what serves the model, by name or URI, as leanstage-calibrate "
        "left it; `auto` takes the one that the policy names, and a cluster needs one."
    ),
    "deploy": "`optimized`, or `baseline` where a justification for it is logged.",
    "run_id": "the MLflow run that an earlier run of leanstage printed.",
    "profile": (
        "what policies and runs will call the nodes that serve, such as `serving-pool`; the newest "
        "profile of a name holds."
    ),
    "shapes": (
        "models to measure, as LAYERSxHIDDEN separated by spaces, such as `6x384 12x768`; empty "
        "takes these two."
    ),
    "quick": "measure the small model alone, with fewer and shorter turns.",
    "aliases": "aliases that count as serving beside `champion`, separated by commas.",
    "volumes": (
        "URI of a CSV with the columns `model` and `requests_per_year` or `requests_per_day`; may "
        "be empty."
    ),
    "prometheus": "address of a Prometheus that counts requests; may be empty.",
    "cluster": "whether to read what serves on this cluster, with the account of the run.",
    "submit": (
        "for how many of the models with the most to save to ask for a run, which the trigger "
        "starts; 0 asks for none."
    ),
    "energy_blocks": "how many rounds of energy measurement; more make the answer sharper.",
    "energy_window_seconds": "shortest length of one measurement.",
    "seed": "seed of the training.",
    "request": "leave it empty; the trigger puts the name of its run here.",
}
"""What a person needs to know to fill in a parameter; the home of these sentences."""


@dataclass(frozen=True)
class Definition:
    """A pipeline before it is compiled: its wiring and what its form says.

    Attributes:
        sized: sizes of :class:`Platform` that the form of a cluster asks.
    """

    name: str
    summary: str
    sized: tuple[str, ...]
    wiring: Callable[..., None]


_definitions: dict[str, Definition] = {}


def pipeline(
    name: str, summary: str, *, sized: tuple[str, ...] = ()
) -> Callable[[Callable[..., None]], dsl.base_component.BaseComponent]:
    """A KFP pipeline whose form is made from ``EXPLAINED`` and the types of its parameters.

    A ``Literal`` becomes a dropdown.

    Args:
        summary: what the pipeline does, for the first lines of its description.
        sized: see :class:`Definition`.
    """

    def define(wiring: Callable[..., None]) -> Any:
        definition = _definitions[name] = Definition(name, summary, sized, wiring)
        return _build(definition, None)

    return define


def on_platform(component: Any, platform: Platform) -> Any:
    """A pipeline of ours with the settings of a cluster in its tasks and its run form.

    Args:
        component: what :data:`leanstage.pipelines.PIPELINES` holds.

    Raises:
        InputError: the pipeline is not one of ours.
    """
    if component.name not in _definitions:
        raise InputError(
            f"{component.name!r} is no pipeline of leanstage; give its tasks their settings with "
            "with_platform."
        )
    return _build(_definitions[component.name], platform)


def _build(definition: Definition, platform: Platform | None) -> Any:
    asked = dict(inspect.signature(definition.wiring).parameters)
    extra = {} if platform is None else asked_of(platform, definition.sized)

    def wired(*values: Any) -> None:
        given = dict(zip([*asked, *extra], values, strict=True))
        settings = None if platform is None else Compiling.of(platform, definition.sized, given)
        with compiling(settings):
            definition.wiring(**{name: given[name] for name in asked})

    parameters = [_plain(parameter) for parameter in asked.values()]
    for name, more in extra.items():
        keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters.append(
            inspect.Parameter(name, keyword, default=more.default, annotation=more.kind)
        )
    wired.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    explained = {name: EXPLAINED[name] for name in asked}
    explained |= {name: more.sentence for name, more in extra.items()}
    built = dsl.pipeline(
        wired,
        name=definition.name,
        description=_description(definition.summary, asked, explained),
        pipeline_config=None if platform is None else config_of(platform),
    )
    # What the SDK cannot say: a sentence a parameter, and the values that one takes.
    fields = built.pipeline_spec.root.input_definitions.parameters
    for name, sentence in explained.items():
        fields[name].description = sentence
    for name, parameter in asked.items():
        for value in _choices(parameter):
            fields[name].literals.add().string_value = value
    return built


def _choices(parameter: inspect.Parameter) -> tuple[str, ...]:
    return get_args(parameter.annotation) if get_origin(parameter.annotation) is Literal else ()


def _plain(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(annotation=str) if _choices(parameter) else parameter


def _description(
    summary: str, asked: Mapping[str, inspect.Parameter], explained: Mapping[str, str]
) -> str:
    lines = []
    for name, sentence in explained.items():
        parameter = asked.get(name)
        required = parameter is not None and parameter.default is inspect.Parameter.empty
        lines.append(f"- `{name}`{' (required)' if required else ''}: {sentence}")
    return "\n".join([summary, "", *lines])
