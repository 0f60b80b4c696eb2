"""An organization's own branches, merged into the tree by their ids."""

from leanstage.contracts import Branch, DecisionTree, OwnBranch, Question, TreeOverride
from leanstage.errors import InputError
from leanstage.plan.predicates import near


def merged(tree: DecisionTree, override: TreeOverride, *, where: str) -> DecisionTree:
    """The tree with branches replaced and added, under a version that names the override.

    A question that no branch leads to any longer is dropped. The result is not checked yet; see
    :func:`leanstage.plan.tree.checked`.

    Raises:
        InputError: a branch stands twice, replaces none, is to be added where another has its id,
            or names a question or a neighbour that is not there.
    """
    questions = {question.id: question for part in tree.techniques for question in part.questions}
    ids = [own.id for own in override.branches]
    for own in override.branches:
        if ids.count(own.id) > 1:
            raise InputError(f"{where} holds the branch {own.id!r} twice; keep one of them.")
        question = _question_of(own, questions, f"{where}, branch {own.id!r},")
        questions[question.id] = question
    return tree.model_copy(
        update={
            "version": f"{tree.version}+{override.name}",
            "techniques": tuple(
                part.model_copy(
                    update={"questions": _led_to([questions[each.id] for each in part.questions])}
                )
                for part in tree.techniques
            ),
        }
    )


def _led_to(questions: list[Question]) -> tuple[Question, ...]:
    """Those of a technique that can be asked: branches lead only to later ones."""
    kept, found = {questions[0].id}, []
    for question in questions:
        if question.id in kept:
            kept |= {branch.then for branch in question.branches if branch.then is not None}
            found.append(question)
    return tuple(found)


def _question_of(own: OwnBranch, questions: dict[str, Question], where: str) -> Question:
    """The question that the branch belongs to, with the branch in its place."""
    branch = Branch.model_validate(own.model_dump(exclude={"into", "before"}))
    holder = {each.id: question for question in questions.values() for each in question.branches}
    if own.into is None:
        if own.before is not None:
            raise InputError(f"{where} is to be tried before another; say 'into' which question.")
        if own.id not in holder:
            raise InputError(
                f"{where} replaces none: no branch has this id; {near(own.id, holder)} A new "
                "branch says 'into' which question."
            )
        question = holder[own.id]
        branches = tuple(branch if each.id == own.id else each for each in question.branches)
        return question.model_copy(update={"branches": branches})
    if own.id in holder:
        raise InputError(
            f"{where} is to be added, and a branch of this id is there already; leave out 'into' "
            "to replace it, or choose another id."
        )
    if own.into not in questions:
        raise InputError(
            f"{where} goes into {own.into!r}, which is no question; {near(own.into, questions)}"
        )
    question = questions[own.into]
    ids = [each.id for each in question.branches]
    if own.before is not None and own.before not in ids:
        raise InputError(
            f"{where} goes before {own.before!r}, which is no branch of {own.into!r}; "
            f"{near(own.before, ids)}"
        )
    at = 0 if own.before is None else ids.index(own.before)
    branches = (*question.branches[:at], branch, *question.branches[at:])
    return question.model_copy(update={"branches": branches})
