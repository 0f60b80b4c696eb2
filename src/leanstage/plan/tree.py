"""The tree that ships, with an organization's own branches merged in: read and checked whole."""

from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from leanstage.contracts import (
    TECHNIQUES,
    Branch,
    DecisionTree,
    DistillSettings,
    Part,
    PruneSettings,
    QuantizeSettings,
    Question,
    Technique,
    TechniqueTree,
    TreeOverride,
    first_problem,
)
from leanstage.contracts.strict import read_fields, strict_yaml
from leanstage.errors import InputError
from leanstage.plan.overrides import merged
from leanstage.plan.predicates import check_conditions, near

SHIPPED = "tree.yaml"
SETTINGS: dict[Technique, type[Part]] = {
    "distill": DistillSettings,
    "prune": PruneSettings,
    "quantize": QuantizeSettings,
}


def load_tree(override: str | Path | None = None) -> DecisionTree:
    """The tree that ships with leanstage, with the branches of an organization where it has some.

    Args:
        override: path of a TreeOverride in YAML.

    Raises:
        InputError: a file breaks the rules of a tree; the sentence says which, where and how.
    """
    tree = read_tree(files("leanstage.plan").joinpath(SHIPPED).read_text("utf-8"), where=SHIPPED)
    if override is None:
        return tree
    return checked(merged(tree, read_override(override), where=str(override)), where=str(override))


def read_tree(text: str, *, where: str) -> DecisionTree:
    """A tree from YAML, checked; ``where`` names its origin in the message.

    Raises:
        InputError: it is no tree.
    """
    fields = strict_yaml(text, where=where)
    return checked(
        read_fields(fields, DecisionTree, where=where, what="decision tree"), where=where
    )


def read_override(path: str | Path) -> TreeOverride:
    """An organization's branches, not yet held against the tree.

    Raises:
        InputError: the file cannot be read or holds no branches.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read as branches of a decision tree: {error}."
        ) from error
    fields = strict_yaml(text, where=str(path))
    return read_fields(fields, TreeOverride, where=str(path), what="set of branches")


def checked(tree: DecisionTree, *, where: str) -> DecisionTree:
    """The tree, if every combination of facts reaches one leaf a technique, and the leaf is sound.

    That holds by its shape: of the branches of a question the first that holds is taken and the
    last always holds, and a branch leads to a later question or ends.

    Raises:
        InputError: it does not hold.
    """
    found = tuple(part.technique for part in tree.techniques)
    if found != TECHNIQUES:
        raise InputError(
            f"{where} must ask about {', '.join(TECHNIQUES)}, once each and in this order; it asks "
            f"about {', '.join(found) or 'nothing'}."
        )
    seen: set[str] = set()
    for part in tree.techniques:
        branches = [branch.id for question in part.questions for branch in question.branches]
        for name in (*(question.id for question in part.questions), *branches):
            if name in seen:
                raise InputError(f"{where} uses the id {name!r} twice; choose another.")
            seen.add(name)
        _check_technique(tree, part, where)
    return tree


def _check_technique(tree: DecisionTree, part: TechniqueTree, where: str) -> None:
    led_to = {part.questions[0].id}
    for number, question in enumerate(part.questions):
        _check_total(question, where)
        later = [each.id for each in part.questions[number + 1 :]]
        if question.id not in led_to:
            raise InputError(f"{where}: no branch leads to the question {question.id!r}.")
        for branch in question.branches:
            place = f"{where}, branch {branch.id!r},"
            check_conditions(branch.when, tree.facts, where=place)
            if branch.then is not None:
                if branch.then not in later:
                    raise InputError(
                        f"{place} leads to {branch.then!r}, which is no later question of "
                        f"{part.technique}; {near(branch.then, later)}"
                    )
                led_to.add(branch.then)
            _check_settings(branch, part.technique, place)


def _check_total(question: Question, where: str) -> None:
    *conditional, last = question.branches
    if last.when:
        raise InputError(
            f"{where}: branch {last.id!r} is the last of {question.id!r} and must hold always, so "
            "that every combination of facts has an answer; leave out its 'when'."
        )
    for branch in conditional:
        if not branch.when:
            raise InputError(
                f"{where}: branch {branch.id!r} holds always, so that the later ones of "
                f"{question.id!r} are never reached; give it a 'when'."
            )


def _check_settings(branch: Branch, technique: Technique, where: str) -> None:
    if branch.settings is None:
        return
    kind = SETTINGS[technique]
    for name in branch.settings:
        if name not in kind.model_fields:
            raise InputError(
                f"{where} sets {name!r}, which {technique} does not have; "
                f"{near(name, kind.model_fields)}"
            )
    try:
        kind.model_validate(branch.settings)
    except ValidationError as error:
        raise InputError(
            f"{where} has settings that {technique} does not take: {first_problem(error)}."
        ) from error
