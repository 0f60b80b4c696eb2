"""What the rows of the limits table have in common."""

from leanstage.contracts import Judgement, ReasonCode
from leanstage.report.document import Cell, Column, Row
from leanstage.report.figures import GAP, MISSING

COLUMNS = (
    Column("Limit of the policy"),
    Column("Outcome"),
    Column("Found", "number"),
    Column("Asked", "number"),
)


def limit_row(name: Cell, asked: str, found: Cell, outcome: Cell) -> Row:
    """One limit, in the order of the columns."""
    return (name, outcome, found, Cell(asked))


def within(value: float | None, limit: float) -> bool | None:
    """Whether ``value`` keeps a limit; None where there is no value."""
    return None if value is None else value <= limit


def outcome(judgement: Judgement, met: bool | None, *codes: ReasonCode) -> Cell:
    """The gate's word where it has one: it objected, or it passed the candidate as a whole."""
    objected = any(reason.code in codes for reason in judgement.reasons)
    if objected or (met is False and not judgement.passed):
        return Cell(f"Not{GAP}met", tone="bad")
    if met is None:
        return Cell(MISSING.capitalize(), tone="quiet")
    return Cell("Met", tone="good")
