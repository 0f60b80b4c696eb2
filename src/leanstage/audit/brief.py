"""The top of an audit as Markdown, for a run view that shows no large page."""

from leanstage.audit import words
from leanstage.contracts import Audit
from leanstage.report import escape

_ROWS = 20


def render_brief(audit: Audit) -> str:
    """Coverage, what could not be read, and the first entries as a table."""
    lines = ["# Audit", "", escape.markdown(words.coverage_sentence(audit)), ""]
    lines += [f"- Not read: {escape.markdown(problem)}" for problem in audit.problems]
    if audit.problems:
        lines.append("")
    lines += ["| model | status | to save a year | why |", "|---|---|---|---|"]
    for entry in audit.entries[:_ROWS]:
        cells = (
            words.name(entry),
            words.TITLE[entry.status],
            words.kwh(entry),
            words.why(entry),
        )
        lines.append(f"| {' | '.join(map(escape.markdown, cells))} |")
    if len(audit.entries) > _ROWS:
        lines += ["", f"The first {_ROWS} of {len(audit.entries):,}."]
    return "\n".join(lines) + "\n"
