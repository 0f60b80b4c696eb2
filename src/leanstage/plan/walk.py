"""The walk: from facts to one leaf a technique, with every question answered on the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leanstage.contracts import (
    Answer,
    Branch,
    DecisionTree,
    Form,
    Part,
    QuantizeSettings,
    Question,
    Technique,
    TechniqueTree,
    Words,
)
from leanstage.plan.measured import Gains, by_measurement
from leanstage.plan.predicates import Facts, check_facts, holds
from leanstage.plan.tree import SETTINGS

NOTHING_LEFT = "Try none of the forms; calibration found none that gains here."


@dataclass(frozen=True)
class Walk:
    """The path taken, and the settings that it ended in."""

    path: tuple[Answer, ...]
    settings: Mapping[Technique, Part]


def walk(tree: DecisionTree, facts: Facts, gains: Gains) -> Walk:
    """Answer the questions about every technique, from its first to a leaf.

    Backends of a leaf that calibration measured are put in the order of what they cost, and left
    out where they are shown not to gain or could not be measured; where none is left, the answer
    says so.

    Args:
        tree: one that :func:`leanstage.plan.tree.load_tree` checked.
        gains: what was measured nearest to the model, by form.

    Raises:
        InputError: a fact is missing, unknown to the tree, or outside of its domain.
    """
    check_facts(facts, tree.facts)
    path: list[Answer] = []
    settings: dict[Technique, Part] = {}
    for part in tree.techniques:
        for question, branch in _steps(part, facts):
            answer, decisive = branch.answer, _forms_asked(tree, branch)
            left_out: tuple[Form, ...] = ()
            if branch.settings is not None:
                ending = SETTINGS[part.technique].model_validate(branch.settings)
                if isinstance(ending, QuantizeSettings):
                    decisive += ending.backends
                    ending, left_out = _calibrated(ending, gains)
                    if left_out and not ending.backends:
                        answer = NOTHING_LEFT
                settings[part.technique] = ending
            asked = (form for each in question.branches for form in _forms_asked(tree, each))
            path.append(
                Answer(
                    technique=part.technique,
                    branch=branch.id,
                    question=question.question,
                    answer=answer,
                    reason=branch.reason.strip(),
                    source=branch.source,
                    basis="measured" if left_out or _any_measured(decisive, gains) else "rule",
                    gains=tuple(
                        gains[form] for form in dict.fromkeys((*decisive, *asked)) if form in gains
                    ),
                    left_out=left_out,
                )
            )
    return Walk(tuple(path), settings)


def _steps(part: TechniqueTree, facts: Facts) -> list[tuple[Question, Branch]]:
    """Questions of a technique in the order asked, each with the branch that holds."""
    questions = {question.id: question for question in part.questions}
    steps: list[tuple[Question, Branch]] = []
    following: str | None = part.questions[0].id
    while following is not None:
        question = questions[following]
        branch = next(each for each in question.branches if holds(each.when, facts))
        steps.append((question, branch))
        following = branch.then
    return steps


def _calibrated(
    settings: QuantizeSettings, gains: Gains
) -> tuple[QuantizeSettings, tuple[Form, ...]]:
    """Settings as calibration changes them, and the backends that it leaves out."""
    kept = by_measurement(settings.backends, gains)
    left_out = tuple(form for form in settings.backends if form not in kept)
    return settings.model_copy(update={"backends": kept}), left_out


def _forms_asked(tree: DecisionTree, branch: Branch) -> tuple[Form, ...]:
    """Forms that the conditions of a branch compare what was measured with."""
    found: list[Any] = []
    for name, comparisons in branch.when.items():
        fact = tree.facts[name]
        if isinstance(fact, Words) and fact.measured:
            for operand in comparisons.values():
                found += operand if isinstance(operand, tuple) else [operand]
    return tuple(found)


def _any_measured(forms: tuple[Form, ...], gains: Gains) -> bool:
    return any(form in gains and gains[form].ratio is not None for form in forms)
