"""The sample of what production asks: half of it to learn from, half to check candidates on."""

import hashlib

from leanstage import progress
from leanstage.errors import InputError
from leanstage.tasks import Examples, read_unlabelled
from leanstage.tasks.splits import apart, normal_text

NONE = Examples([], [], "none")


def read_production(uri: str) -> tuple[Examples, Examples]:
    """``(to learn from, to check on)``, both empty where ``uri`` is.

    What was learnt from would show more agreement than production will see. A row's own text says
    where it goes, so that repeated questions stay together and every reader divides alike.

    Raises:
        InputError: unreadable, a row without text, or nothing left to check on.
    """
    if not uri:
        return NONE, NONE
    rows = read_unlabelled(uri)
    checked = [_is_checked(text) for text in rows.texts]
    learn, check = (
        [text for text, held in zip(rows.texts, checked, strict=True) if held is side]
        for side in (False, True)
    )
    if not check:
        raise InputError(
            f"{rows.source} holds {len(rows)} rows, of which none would be left to check on; "
            "bring a larger sample of production."
        )
    return Examples(learn, [], rows.source), Examples(check, [], rows.source)


def unlearnt(check: Examples, *learnt: Examples) -> Examples:
    """The rows to check on whose text, case and spacing aside, stands in no rows to learn from.

    Raises:
        InputError: there were rows to check on, and none is left.
    """
    kept = apart(check, *learnt)
    if len(kept) == len(check):
        return check
    if not kept:
        raise InputError(
            f"all rows of {check.source} to check on are learnt from as well; bring a sample of "
            "production that is neither training rows nor unlabelled text."
        )
    progress.step(
        f"{len(check) - len(kept):,} of {len(check):,} rows of production to check on are learnt "
        "from as well, and left out"
    )
    return Examples(kept, [], check.source)


def joined(unlabelled: Examples, learn: Examples) -> Examples:
    """All text to learn from that has no labels."""
    if not len(learn):
        return unlabelled
    if not len(unlabelled):
        return learn
    source = f"{unlabelled.source} and {learn.source}"
    return Examples([*unlabelled.texts, *learn.texts], [], source)


def _is_checked(text: str) -> bool:
    return hashlib.sha256(normal_text(text).encode()).digest()[0] % 2 == 1
