"""Commands that compare two models on disk, without a run."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from leanstage.cli._shared import JsonOption, console, require_writable, say
from leanstage.contracts import EnergyComparison, Load, Ratio
from leanstage.errors import BlockedError


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


class Reference(StrEnum):
    """What a saving counts against."""

    registered = "registered"
    strongest = "strongest"


def energy(
    baseline: Annotated[Path, typer.Argument(help="Folder of a variant or a checkpoint.")],
    candidate: Annotated[Path, typer.Argument(help="What is held against it.")],
    data: Annotated[str, typer.Option(help="JSON Lines or parquet; texts or prompts are asked.")],
    batch_size: Annotated[int, typer.Option(min=1, help="Rows of a request.")] = 8,
    request_rate: Annotated[
        float | None,
        typer.Option(min=0.001, help="Answers per second in production, measured as well."),
    ] = None,
    blocks: Annotated[int, typer.Option(min=4, help="More make the answer sharper.")] = 10,
    window_seconds: Annotated[float, typer.Option(min=0.1, help="Shortest measurement.")] = 0.5,
    min_saving: Annotated[
        float, typer.Option(min=0.0, max=0.99, help="Share of energy to be saved.")
    ] = 0.2,
    reference: Annotated[
        Reference, typer.Option(help="Against the baseline as it is, or its cheapest form.")
    ] = Reference.registered,
    json: JsonOption = None,
) -> None:
    """Compare the energy that two models take per answer, side by side on this machine.

    Ends with 0 where the saving is shown, and with 3 where it is not (FAIL, or INCONCLUSIVE).
    """
    from leanstage.energy.pair import compare_models

    if json is not None:
        require_writable(json, "--json")
    aside = Console(stderr=True, markup=False)
    with aside.status("preparing") as status:

        def tell(what: str, fraction: float) -> None:
            if aside.is_terminal:
                status.update(f"{fraction:4.0%}  {what}")
            else:
                aside.print(f"{fraction:4.0%}  {what}", highlight=False)

        found = compare_models(
            baseline,
            candidate,
            data,
            batch_size=batch_size,
            request_rate=request_rate,
            blocks=blocks,
            window_seconds=window_seconds,
            min_saving=min_saving,
            reference=reference.value,
            tell=tell,
        )
    # Kept before it is shown: a terminal that closed meanwhile loses no measurement.
    if json is not None:
        found.save(json)
    console.print(_forms(found.comparison))
    console.print(_loads(found.comparison))
    say(f": {found.reason}", found.verdict)
    if found.verdict != "PASS":
        raise typer.Exit(BlockedError.exit_code)


def _forms(found: EnergyComparison) -> Table:
    writes = found.workload.tokens_per_answer is not None
    token = ["mJ per output token"] if writes else []
    columns = ("mJ per answer", "beyond rest", *token, "Wh per 1,000", "p50 / p95, one at a time")
    table = Table("form", *columns)
    for arm in found.arms:
        per_token = found.joules_per_token(arm)
        table.add_row(
            f"{arm.name}: {arm.runtime} {arm.precision}",
            f"{arm.joules_per_answer * 1e3:.4g}",
            _millijoules(arm.dynamic_joules_per_answer),
            *([_millijoules(per_token)] if writes else []),
            f"{arm.wh_per_1000:.3g}",
            f"{arm.latency_p50_ms:.3g} / {arm.latency_p95_ms:.3g} ms",
        )
    return table


def _loads(found: EnergyComparison) -> Table:
    baseline, candidate = found.registered.against, found.registered.arm
    table = Table("load", "baseline", "candidate", "ratio (95% interval)")
    judged = {arm.name: arm.joules_per_answer for arm in found.arms}
    named = [(f"batches of {found.workload.batch_size}", judged, found.registered)]
    named += [(_load(load), load.joules_per_answer, load.registered) for load in found.loads]
    for name, joules, ratio in named:
        figures = (_millijoules(joules.get(arm)) for arm in (baseline, candidate))
        table.add_row(name, *figures, _span(ratio))
    if found.decode is not None:
        per_token = found.decode.joules_per_token
        figures = (_millijoules(per_token.get(arm)) for arm in (baseline, candidate))
        table.add_row("each token after the first", *figures, _span(found.decode.registered))
    table.add_row("a model against itself", "", "", _span(found.control))
    return table


def _load(load: Load) -> str:
    if load.tokens_per_answer is not None:
        return f"reading prompts, batches of {load.batch_size}"
    if load.request_rate is not None:
        over = [arm for arm, service in load.service.items() if service.overloaded]
        late = f", overloaded: {', '.join(over)}" if over else ""
        return f"{load.request_rate:g} answers per second, batches of {load.batch_size}{late}"
    return "one at a time" if load.batch_size == 1 else f"batches of {load.batch_size}"


def _millijoules(joules: float | None) -> str:
    return "" if joules is None else f"{joules * 1e3:.4g}"


def _span(ratio: Ratio | None) -> str:
    return (
        "" if ratio is None else f"{ratio.ratio:.3f} ({ratio.ci95[0]:.3f} to {ratio.ci95[1]:.3f})"
    )
