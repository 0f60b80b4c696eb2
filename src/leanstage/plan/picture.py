"""The tree, and a path through it, as Mermaid flowcharts."""

from collections.abc import Iterator

from leanstage.contracts import TECHNIQUES, Branch, Plan, TechniqueTree
from leanstage.plan.predicates import in_words

_MEASURED = "classDef measured stroke:#1a7f37,stroke-width:3px"
_LEAF = "classDef leaf stroke-dasharray:4 2"


def technique_picture(part: TechniqueTree) -> str:
    """Every question about a technique and every answer; conditions on the edges, in order."""
    lines = ["flowchart LR", f"    {_LEAF}"]
    for question in part.questions:
        lines.append(f"    {_name(question.id)}{{{{{_label(question.question)}}}}}")
        for number, branch in enumerate(question.branches, 1):
            lines += _edge(question.id, number, branch)
    return "\n".join(lines) + "\n"


def path_picture(plan: Plan) -> str:
    """The questions that were asked for a plan and the answers taken; thick what was measured."""
    lines = ["flowchart LR", f"    {_MEASURED}"]
    for technique in TECHNIQUES:
        lines.append(f"    subgraph {technique}")
        previous = ""
        for number, answer in enumerate(each for each in plan.path if each.technique == technique):
            asked, given = f"{technique}_{number}", f"{technique}_{number}_answer"
            style = ":::measured" if answer.basis == "measured" else ""
            lines.append(f"        {asked}{{{{{_label(answer.question)}}}}}")
            lines.append(f"        {asked} --> {given}[{_label(answer.answer)}]{style}")
            if previous:
                lines.append(f"        {previous} --> {asked}")
            previous = given
        lines.append("    end")
    lines.append(f"    {' --> '.join(TECHNIQUES)}")
    return "\n".join(lines) + "\n"


def _edge(question: str, number: int, branch: Branch) -> Iterator[str]:
    condition = _label(f"({number}) {in_words(branch.when)}")
    if branch.then is not None:
        yield f"    {_name(question)} -->|{condition}| {_name(branch.then)}"
    else:
        leaf = _name(branch.id)
        yield f"    {_name(question)} -->|{condition}| {leaf}[{_label(branch.answer)}]:::leaf"


def _name(identifier: str) -> str:
    """A node of Mermaid, whose names hold no dots or dashes and are none of its words (``end``)."""
    return "n_" + identifier.replace("-", "_").replace(".", "__")


def _label(text: str) -> str:
    """A quoted label; what Mermaid or HTML would read is escaped, and Mermaid breaks the lines."""
    for character, entity in (("#", "#35;"), ("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;")):
        text = text.replace(character, entity)
    return f'"{text}"'
