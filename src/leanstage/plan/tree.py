"""The decision tree as data, and its walk."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from leanstage.contracts import (
    Answer,
    DistillSettings,
    Part,
    PruneSettings,
    QuantizeSettings,
    Technique,
    first_problem,
)
from leanstage.errors import InputError

Facts = Mapping[str, Any]
Comparison = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "has"]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda fact, value: bool(fact == value),
    "ne": lambda fact, value: bool(fact != value),
    "lt": lambda fact, value: bool(fact < value),
    "le": lambda fact, value: bool(fact <= value),
    "gt": lambda fact, value: bool(fact > value),
    "ge": lambda fact, value: bool(fact >= value),
    "in": lambda fact, value: fact in value,
    "has": lambda fact, value: value in fact,
}
SETTINGS: dict[Technique, type[Part]] = {
    "distill": DistillSettings,
    "prune": PruneSettings,
    "quantize": QuantizeSettings,
}


class Branch(Part):
    """An answer, the facts under which it holds, and what follows from it."""

    when: dict[str, dict[Comparison, Any]] = Field(default_factory=dict)
    answer: str
    reason: str
    source: str
    settings: dict[str, Any]

    def holds(self, facts: Facts) -> bool:
        return all(
            _COMPARE[comparison](facts[name], value)
            for name, comparisons in self.when.items()
            for comparison, value in comparisons.items()
        )


class Question(Part):
    """One question about one technique."""

    id: Technique
    question: str
    branches: tuple[Branch, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _total(self) -> "Question":
        if self.branches[-1].when or any(not branch.when for branch in self.branches[:-1]):
            raise ValueError("the last branch, and only the last, has no 'when'")
        for branch in self.branches:
            SETTINGS[self.id].model_validate(branch.settings)
        return self


class Tree(Part):
    """The whole tree: one question a technique, in the order of the line."""

    version: str
    questions: tuple[Question, ...]

    @model_validator(mode="after")
    def _every_technique_once(self) -> "Tree":
        if tuple(question.id for question in self.questions) != tuple(SETTINGS):
            raise ValueError(f"the questions must be, in order: {', '.join(SETTINGS)}")
        return self


def load_tree() -> Tree:
    """The tree that ships with leanstage.

    Raises:
        InputError: the file breaks the rules of a tree.
    """
    text = files("leanstage.plan").joinpath("tree.yaml").read_text(encoding="utf-8")
    try:
        return Tree.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        raise InputError(f"tree.yaml is not a decision tree: {first_problem(error)}.") from error


def walk(tree: Tree, facts: Facts) -> tuple[tuple[Answer, ...], dict[Technique, Part]]:
    """Answer every question: the path taken, and the settings of each technique.

    Raises:
        InputError: the tree asks about a fact that is not known.
    """
    path: list[Answer] = []
    settings: dict[Technique, Part] = {}
    for question in tree.questions:
        try:
            branch = next(branch for branch in question.branches if branch.holds(facts))
        except KeyError as error:
            known = ", ".join(sorted(facts))
            raise InputError(
                f"the decision tree asks about {error.args[0]!r}, which is not known; facts "
                f"are: {known}."
            ) from None
        path.append(
            Answer(
                question=question.question,
                answer=branch.answer,
                reason=branch.reason.strip(),
                source=branch.source,
            )
        )
        settings[question.id] = SETTINGS[question.id].model_validate(branch.settings)
    return tuple(path), settings
