"""A justification that was taken back after it was accepted carries no promotion any more."""

from collections.abc import Callable

import pytest

from leanstage.contracts import Justification
from leanstage.errors import LeanstageError
from leanstage.gate.approvals import JUSTIFICATION
from leanstage.gate.rollback import roll_back
from leanstage.registry import champions
from tests.promoting import Promoting, write_justification

LATER = "2999-12-31"


def deleted(promoting: Promoting) -> None:
    promoting.client.delete_run(promoting.approval)


def changed(promoting: Promoting) -> None:
    document = Justification.load(promoting.folder / JUSTIFICATION)
    other = document.model_copy(update={"reason": "Three points of accuracy matter."})
    write_justification(promoting.approval, other, promoting.folder)


@pytest.mark.parametrize("undo", [deleted, changed])
def test_nothing_is_promoted_on_it(promoting: Promoting, undo: Callable[[Promoting], None]) -> None:
    decision = promoting.baseline_ships(expires=LATER)
    undo(promoting)
    with pytest.raises(LeanstageError, match="was taken back or changed since"):
        promoting.promote(decision)
    assert champions.champion("tiny") is None
    assert not promoting.target.exists()


def test_no_rollback_returns_to_it(promoting: Promoting) -> None:
    first = promoting.promote(promoting.baseline_ships(expires=LATER))
    second = promoting.promote(promoting.decision())
    assert roll_back("tiny").restored == first
    third = promoting.promote(promoting.decision())
    deleted(promoting)
    with pytest.raises(LeanstageError, match="have an approver justify it again"):
        roll_back("tiny", first.version)
    assert champions.champion("tiny") == third
    assert roll_back("tiny", second.version).restored == second
