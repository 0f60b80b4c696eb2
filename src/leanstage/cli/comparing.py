"""Commands that compare two models on disk, without a run."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from leanstage.cli._shared import JsonOption, console


def harness(
    baseline: Annotated[Path, typer.Argument(help="Folder of a variant.", file_okay=False)],
    candidate: Annotated[Path, typer.Argument(help="What is held against it.", file_okay=False)],
    tasks: Annotated[str, typer.Option(help="Tasks of lm-evaluation-harness, by commas.")],
    include: Annotated[
        Path | None, typer.Option(help="Folder with tasks of your own; their code is run.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=2, help="Rows of a task at most.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows of one call.")] = 8,
    json: JsonOption = None,
) -> None:
    """Compare two models that generate on standard tasks, row by row.

    Scores of the usual harness, with an interval of their difference over the rows that both
    answered. It informs; a run decides on rows of your own.
    """
    from leanstage.evaluate.harness import compare_on_tasks
    from leanstage.variant import open_variant

    names = [name.strip() for name in tasks.split(",") if name.strip()]
    found = compare_on_tasks(
        open_variant(baseline),
        open_variant(candidate),
        names,
        include=include,
        limit=limit,
        batch_size=batch_size,
    )
    table = Table("task", "metric", "rows", "baseline", "candidate", "difference (95% interval)")
    for score in found.scores:
        low, high = score.ci95
        difference = f"{score.difference:+.4f} ({low:+.4f} to {high:+.4f})"
        figures = (f"{score.n:,}", f"{score.baseline:.4f}", f"{score.candidate:.4f}", difference)
        table.add_row(score.task, score.metric, *figures)
    console.print(table)
    if json is not None:
        found.save(json)
