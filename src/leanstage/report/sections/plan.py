"""The decision tree: the questions it asked, the answers, and where its rules come from."""

from leanstage.contracts import Plan
from leanstage.plan.words import evidence
from leanstage.report.document import Block, Cell, Column, Facts, Section, Table
from leanstage.report.figures import plain, settings
from leanstage.report.inputs import ReportInputs

_BASIS = {"measured": "measured on the hardware planned for", "rule": "rule of thumb"}


def plan_section(inputs: ReportInputs) -> Section:
    """The walk through the decision tree."""
    plan = inputs.plan
    blocks: list[Block] = []
    if plan.path:
        blocks.append(_path(plan))
    blocks.append(_techniques(plan))
    if plan.facts:
        blocks.append(
            Facts(
                "Facts it started from",
                tuple((k.replace("_", " "), Cell(plain(v))) for k, v in plan.facts.items()),
                detail=True,
            )
        )
    return Section(
        "plan",
        "Why these techniques",
        f"Decision tree {plan.tree_version}{_digest(plan)} chose what to try from facts about the "
        "model, the data and the hardware, for a tolerated accuracy loss of "
        f"{plan.tolerance * 100:.2f} points.",
        tuple(blocks),
    )


def _digest(plan: Plan) -> str:
    return "" if plan.tree_sha256 is None else f" ({plan.tree_sha256[:12]})"


def _path(plan: Plan) -> Table:
    return Table(
        "Path through the decision tree",
        (
            Column("Question", "prose"),
            Column("Answer", "prose"),
            Column("Reason", "prose"),
            Column("Basis", "prose"),
        ),
        tuple(
            (
                Cell(answer.question),
                Cell(answer.answer),
                Cell(answer.reason, sub=" ".join(evidence(answer))),
                Cell(_BASIS[answer.basis], sub=answer.source, tone="quiet"),
            )
            for answer in plan.path
        ),
    )


def _techniques(plan: Plan) -> Table:
    planned = (
        ("Distill", plan.distill.tries(), plan.distill.model_dump()),
        ("Prune", bool(plan.prune.ratios), plan.prune.model_dump()),
        ("Quantize", bool(plan.quantize.backends), plan.quantize.model_dump()),
    )
    return Table(
        "What the plan asked for",
        (Column("Technique"), Column("Try it"), Column("Settings", "prose")),
        tuple(
            (
                Cell(name),
                Cell("Yes", tone="good") if wanted else Cell("No", tone="quiet"),
                Cell(settings(values) if wanted else "skipped by the plan"),
            )
            for name, wanted, values in planned
        ),
    )
