"""One document, three forms."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from leanstage.report import escape, sections
from leanstage.report.build import build_report
from leanstage.report.document import Document, Section
from leanstage.report.inputs import ReportInputs

_PACKAGE = "leanstage.report"


def render_html(inputs: ReportInputs) -> str:
    """The report as one self-contained HTML page: nothing loaded, no script needed to read it."""
    script = Markup(_source("links.js.j2"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment(autoescape=True)
        .get_template("template.html.j2")
        .render(report=_document(inputs), script=script, script_sha256=digest)
    )


def render_markdown(inputs: ReportInputs) -> str:
    """The report as GitHub Markdown, without charts and the largest tables."""
    return (
        _environment(autoescape=False)
        .get_template("template.md.j2")
        .render(report=_document(inputs))
    )


def markdown_template(text: str) -> Template:
    """A template of another page in Markdown, with the blocks and the filters of the report."""
    return _environment(autoescape=False).from_string(text)


def render_json(inputs: ReportInputs) -> str:
    """The report as a `Report`, in JSON."""
    return build_report(inputs).model_dump_json(indent=2) + "\n"


def _document(inputs: ReportInputs) -> Document:
    source = inputs.decision.source
    found: tuple[Section | None, ...] = (
        sections.summary_section(inputs),
        sections.accuracy_section(inputs),
        sections.production_section(inputs),
        sections.energy_section(inputs),
        sections.footprint_section(inputs),
        sections.steps_section(inputs),
        sections.tried_section(inputs),
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
