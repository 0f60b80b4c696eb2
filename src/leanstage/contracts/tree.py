"""The decision tree as a document: facts with their types, questions, branches, settings."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from leanstage.contracts.base import Contract, Part
from leanstage.contracts.variant import Technique

Comparison = Literal[
    "lt", "le", "gt", "ge", "eq", "ne", "in", "has", "lacks", "any_of", "all_of", "known"
]
Operand = bool | int | float | str | tuple[str, ...]
Conditions = dict[str, dict[Comparison, Operand]]
"""By fact, comparisons with a constant; all of them must hold."""
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*([.-][a-z0-9]+)*$")]
Text = Annotated[str, Field(min_length=1)]


class Quantity(Part):
    """A fact that is a number, from ``min`` to ``max``; unknown at times where ``optional``."""

    type: Literal["integer", "number"]
    about: Text
    unit: str = ""
    min: float = 0
    max: float | None = None
    optional: bool = False


class Choice(Part):
    """A fact that is one of some words."""

    type: Literal["choice"]
    about: Text
    values: tuple[str, ...] = Field(min_length=1)


class Words(Part):
    """A fact that is any number of some words; ``measured`` where calibration tells it."""

    type: Literal["set"]
    about: Text
    values: tuple[str, ...] = Field(min_length=1)
    measured: bool = False


Fact = Annotated[Quantity | Choice | Words, Field(discriminator="type")]


class Branch(Part):
    """An answer, the facts under which it holds, and what follows: a question or settings."""

    id: Id
    when: Conditions = Field(default_factory=dict)
    answer: Text
    reason: Text
    source: Text
    then: Id | None = None
    """The question to ask next."""
    settings: dict[str, Any] | None = None
    """Of the technique: the branch is a leaf."""

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "Branch":
        if (self.then is None) == (self.settings is None):
            raise ValueError(f"branch {self.id!r} needs either 'then' or 'settings'")
        return self


class Question(Part):
    """A question; its branches are tried from the top, and the last holds always."""

    id: Id
    question: Text
    branches: tuple[Branch, ...] = Field(min_length=1)


class TechniqueTree(Part):
    """What is asked about one technique, from the first question on."""

    technique: Technique
    questions: tuple[Question, ...] = Field(min_length=1)


class DecisionTree(Contract):
    """The whole tree, technique by technique in the order of the line."""

    version: Text
    facts: dict[str, Fact]
    techniques: tuple[TechniqueTree, ...]


class OwnBranch(Branch):
    """A branch of an organization: instead of the one with its id or, with ``into``, a new one."""

    into: Id | None = None
    """The question that gets the branch; without it, a branch of this id is replaced."""
    before: Id | None = None
    """The branch that a new one is tried before; without it, every other."""


class TreeOverride(Contract):
    """Branches of an organization's own, merged into the tree that ships."""

    name: Id
    """Goes into the version of the merged tree."""
    branches: tuple[OwnBranch, ...] = Field(min_length=1)
