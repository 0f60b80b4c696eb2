"""The command that frees space."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from leanstage.cli._shared import console, say

UNITS = ("B", "kB", "MB", "GB")


def gc(
    older_than: Annotated[int, typer.Option(min=1, help="Least age of what goes, in days.")] = 90,
    keep: Annotated[
        int, typer.Option(min=1, help="Champions before the present one to keep, per model.")
    ] = 3,
    experiment: Annotated[
        list[str] | None, typer.Option(help="MLflow experiment with runs; repeatable.")
    ] = None,
    promoted_experiment: Annotated[
        list[str] | None, typer.Option(help="The same for promoted bytes; repeatable.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, only look.")] = False,
) -> None:
    """Show what nobody needs any more and how large it is; with --yes, delete it.

    Champions, the ones before that a rollback needs, justified baselines, versions with an alias
    and all evidence stay, and so does whatever is not understood.
    """
    from leanstage.contracts import ModelPolicy
    from leanstage.gc import Rules, collect, survey
    from leanstage.registry.client import runs_experiment
    from leanstage.runner.session import home, tracking_uri

    tracking_uri()
    rules = Rules(datetime.now(UTC), older_than=timedelta(days=older_than), keep=keep)
    place = ModelPolicy.model_fields["promoted_experiment"].default
    plan = survey(
        rules,
        experiments=experiment or [runs_experiment()],
        promoted=promoted_experiment or [place],
        folder=home() / "runs",
        ended=_ended(home() / "trigger"),
    )
    if plan.items:
        console.print(_table(plan))
    for kept in plan.kept:
        say(f"  {kept.name}: {kept.reason}.", "stays", "dim")
    if not plan.items:
        say("Nothing may go.")
    elif not yes:
        say(f"{len(plan.items)} in all, {size(plan.bytes)}. Nothing was deleted; --yes deletes.")
    else:
        freed = collect(plan, _told)
        say(f"{size(freed)} deleted; MLflow frees models and runs at its next `mlflow gc`.")


def _ended(place: Path) -> list[Path]:
    """Folders of runs that the trigger started on this machine and that ended."""
    from leanstage.trigger.backends.base import ACTIVE
    from leanstage.trigger.backends.local import RUN, LocalBackend

    names = [path.name for path in sorted(place.iterdir())] if place.is_dir() else []
    found = LocalBackend(place).find(names)
    return [place / name / RUN for name in names if name in found and found[name].state != ACTIVE]


def _told(item: Any, went: bool) -> None:
    say(f"{'deleted' if went else 'stays, for it is needed by now:'}  {item.kind} {item.name}")


def _table(plan: Any) -> Any:
    from rich.table import Table

    table = Table("what", "where", "size", "why", title="May go")
    for item in plan.items:
        table.add_row(item.kind, item.name, size(item.bytes), item.reason)
    return table


def size(count: float) -> str:
    """Bytes in words."""
    for unit in UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {UNITS[-1]}"
