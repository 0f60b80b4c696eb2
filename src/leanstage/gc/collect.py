"""Look first, then take away what still may go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from leanstage.errors import InputError
from leanstage.gc.folders import ended_items, folder_items
from leanstage.gc.items import Item, Kept, Rules
from leanstage.gc.models import stored_models
from leanstage.gc.runs import run_items
from leanstage.registry.client import connect, refusals

__all__ = ["Item", "Kept", "Plan", "Rules", "collect", "survey"]


@dataclass(frozen=True)
class Plan:
    """What may go, and what stays because it is not understood."""

    items: tuple[Item, ...]
    kept: tuple[Kept, ...]

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.items)


def survey(
    rules: Rules,
    *,
    experiments: Sequence[str],
    promoted: Sequence[str],
    folder: Path,
    ended: Sequence[Path] = (),
) -> Plan:
    """What may go; nothing is changed.

    Args:
        experiments: names of the MLflow experiments that hold runs.
        promoted: names of those that hold promoted bytes.
        folder: the run folders of this machine.
        ended: further run folders, whose runs ended.

    Raises:
        RegistryError: MLflow cannot be asked: nothing is known to be free then.
    """
    if rules.keep < 1:
        raise InputError("keep at least one champion before the present one, for a rollback.")
    found = [
        *stored_models(_ids(promoted), rules),
        *run_items(_ids(experiments), rules),
        *folder_items(folder, rules),
        *ended_items(ended, rules),
    ]
    return Plan(
        items=tuple(entry for entry in found if isinstance(entry, Item)),
        kept=tuple(entry for entry in found if isinstance(entry, Kept)),
    )


def collect(plan: Plan, done: Callable[[Item, bool], None]) -> int:
    """Take away what still may go; returns the bytes.

    ``done`` is told of each item whether it went. An error ends it; what went before stays gone.
    """
    freed = 0
    for item in plan.items:
        went = item.delete()
        freed += item.bytes if went else 0
        done(item, went)
    return freed


def _ids(names: Sequence[str]) -> list[str]:
    client = connect()
    with refusals():
        found = [client.get_experiment_by_name(name) for name in dict.fromkeys(names)]
    return [str(experiment.experiment_id) for experiment in found if experiment is not None]
