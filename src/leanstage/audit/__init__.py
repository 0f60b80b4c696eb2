"""Audit: what serves, how it came to serve, and what was never looked at."""

from leanstage.audit.asking import ask, told
from leanstage.audit.journal import JOURNAL
from leanstage.audit.keep import log_audit, write_audit
from leanstage.audit.render import render_csv, render_html
from leanstage.audit.sources import Sources
from leanstage.audit.survey import survey
from leanstage.audit.words import coverage_sentence

__all__ = [
    "JOURNAL",
    "Sources",
    "ask",
    "coverage_sentence",
    "log_audit",
    "render_csv",
    "render_html",
    "survey",
    "told",
    "write_audit",
]
