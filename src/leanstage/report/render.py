"""One document, three forms."""

import json
import math
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from leanstage.report import escape, sections
from leanstage.report.document import Document, Section
from leanstage.report.inputs import ReportInputs

_PACKAGE = "leanstage.report"


def render_html(inputs: ReportInputs) -> str:
    """The report as one self-contained HTML page: no script, nothing loaded from elsewhere."""
    return (
        _environment(autoescape=True)
        .get_template("template.html.j2")
        .render(report=_document(inputs))
    )


def render_markdown(inputs: ReportInputs) -> str:
    """The report as GitHub Markdown, without charts and the largest tables."""
    return (
        _environment(autoescape=False)
        .get_template("template.md.j2")
        .render(report=_document(inputs))
    )


def render_json(inputs: ReportInputs) -> str:
    """The documents behind the report as one JSON text; figures that are not finite are null."""
    content = {
        "schema_version": 1,
        "version": inputs.version,
        "decision": inputs.decision.model_dump(mode="json"),
        "policy": inputs.policy.model_dump(mode="json"),
        "plan": inputs.plan.model_dump(mode="json"),
        "baseline": inputs.baseline.model_dump(mode="json"),
        "candidates": {
            role: {
                "manifest": record.manifest.model_dump(mode="json"),
                "evaluation": record.evaluation and record.evaluation.model_dump(mode="json"),
                "energy": record.energy and record.energy.model_dump(mode="json"),
            }
            for role, record in inputs.candidates.items()
        },
        "timings": dict(inputs.timings),
        "justify_command": inputs.justify_command,
    }
    return json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _document(inputs: ReportInputs) -> Document:
    source = inputs.decision.source
    found: tuple[Section | None, ...] = (
        sections.summary_section(inputs),
        sections.accuracy_section(inputs),
        sections.energy_section(inputs),
        sections.steps_section(inputs),
        sections.plan_section(inputs),
        sections.second_section(inputs),
        sections.provenance_section(inputs),
    )
    return Document(
        subject=f"{source.name}, version {source.version}",
        headline=sections.headline(inputs),
        cards=sections.cards(inputs),
        sections=tuple(section for section in found if section is not None),
        footer=f"Written by leanstage {inputs.version}. Every figure names what measured it; "
        "a figure that is missing is said to be missing, never taken as zero.",
    )


@cache
def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=autoescape,
        finalize=escape.visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(md=escape.markdown, code=escape.code, fenced=escape.fenced)
    return environment


def _source(name: str) -> str:
    return files(_PACKAGE).joinpath(name).read_text(encoding="utf-8")


def _finite(value: Any) -> Any:
    """``value`` with every number that JSON cannot hold replaced by null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
