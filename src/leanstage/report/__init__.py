"""The report: one decision with its evidence, as HTML, Markdown and JSON."""

from leanstage.report.inputs import CandidateRecord, ReportInputs
from leanstage.report.render import render_html, render_json, render_markdown

__all__ = [
    "CandidateRecord",
    "ReportInputs",
    "render_html",
    "render_json",
    "render_markdown",
]
