"""What a person sees in the terminal: progress while it runs, the result when it is done."""

import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from leanstage.contracts import EnergyComparison, Outcome, VariantSummary

PLAIN_STEP_SECONDS = 15.0
"""Where there is no terminal to redraw, a line at most this often."""


class ConsoleListener:
    """Shows the stage, the step and the time; one line a stage stays when it is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[stage]:<24}", markup=False),
            TimeElapsedColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._stage = ""
        self._said = 0.0

    def __enter__(self) -> "ConsoleListener":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def start(self, stage: str) -> None:
        self._clear()
        self._stage, self._said = stage, time.monotonic()
        self._task = self._progress.add_task("", total=None, stage=stage)
        if not self._console.is_terminal:
            self._console.print(f"  …  {stage}", highlight=False)

    def step(self, message: str, fraction: float | None) -> None:
        if self._task is None:
            return
        text = message if len(message) <= 70 else message[:69] + "…"
        total = None if fraction is None else 1.0
        self._progress.update(self._task, description=text, total=total, completed=fraction or 0.0)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._said > PLAIN_STEP_SECONDS:
            self._said = now
            share = "" if fraction is None else f" ({fraction:.0%})"
            self._console.print(f"     {self._stage}: {message}{share}", highlight=False)

    def end(self, stage: str, seconds: float) -> None:
        self._clear()
        line = Text.assemble("  ", ("✓", "green"), f"  {stage:<28} {seconds:6.1f} s")
        self._console.print(line)

    def _clear(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


def print_outcome(
    console: Console, outcome: Outcome, energy: EnergyComparison, *, justify: str | None
) -> None:
    """The closing table, the verdict in one sentence, and where to read on.

    ``justify`` is the command that logs a justification, where one could help.
    """
    console.print()
    console.print(_table(outcome, energy))
    colour = "yellow" if outcome.verdict == "BLOCKED" else "green"
    console.print(Text.assemble((outcome.verdict, f"bold {colour}"), f": {outcome.sentence}"))
    for reason in outcome.reasons if outcome.verdict == "BLOCKED" else ():
        console.print(f"  • {reason.code}: {reason.sentence} {reason.next}", highlight=False)
    if justify is not None:
        console.print("To ship the baseline all the same, log why, then judge again:")
        console.print(f"  {justify}", highlight=False, soft_wrap=True)
        console.print(f"  leanstage decide {outcome.mlflow.run_id}", highlight=False)
    total = sum(outcome.timings.values())
    console.print(f"\nStages together  {total:.0f} s", highlight=False)
    console.print(f"Report           {outcome.report}", highlight=False, soft_wrap=True)
    where = outcome.mlflow
    if where.version is not None:
        console.print(
            f"Registered       models:/{where.model}/{where.version} (alias {where.alias})",
            highlight=False,
        )
    if outcome.promoted is not None:
        verify = shlex.join(["leanstage", "verify", outcome.promoted.path])
        console.print(f"Verify           {verify}", highlight=False, soft_wrap=True)
    if where.tracking_uri.startswith("sqlite:"):
        mlflow = str(Path(sys.executable).with_name("mlflow"))
        command = shlex.join([mlflow, "ui", "--backend-store-uri", where.tracking_uri])
        console.print(f"MLflow UI        {command}", highlight=False, soft_wrap=True)
    console.print(f"MLflow run       {where.run_id}", highlight=False)


def print_proposal(console: Console, run_id: str, candidates: Mapping[str, VariantSummary]) -> None:
    """What was proposed, and the command that has it decided on."""
    table = Table(title="Proposed, not decided", title_justify="left")
    for title in ("candidate", "runtime, precision"):
        table.add_column(title)
    for title in ("parameters", "size on disk"):
        table.add_column(title, justify="right")
    table.add_column("digest")
    for role, found in candidates.items():
        table.add_row(
            role,
            f"{found.runtime} {found.precision}",
            f"{found.parameters / 1e6:.1f} M",
            f"{found.bytes / 1e6:.1f} MB",
            found.digest[:12],
        )
    console.print()
    console.print(table)
    console.print(f"MLflow run       {run_id}", highlight=False)
    console.print(f"Decide on it     leanstage decide {run_id}", highlight=False)


def _table(outcome: Outcome, energy: EnergyComparison) -> Table:
    shown = outcome.promoted or outcome.candidate or outcome.baseline
    is_baseline = outcome.verdict == "PROMOTE_BASELINE"
    title = "promoted" if outcome.promoted and not is_baseline else "candidate"
    shown = outcome.candidate if is_baseline and outcome.candidate else shown
    base = outcome.baseline
    table = Table(title=f"Baseline against {title}", title_justify="left")
    table.add_column("")
    table.add_column("baseline", justify="right")
    table.add_column(title, justify="right")
    table.add_column("difference", justify="right")
    accuracy = outcome.evaluation
    if accuracy is not None:
        low, high = accuracy.ci95
        table.add_row(
            f"{accuracy.metric.replace('_', ' ')} (n = {accuracy.n})",
            f"{accuracy.baseline:.2%}",
            f"{accuracy.candidate:.2%}",
            f"{accuracy.difference * 100:+.2f} pp, 95% CI {low * 100:+.2f} to {high * 100:+.2f}",
        )
    if outcome.energy is not None:
        low, high = outcome.energy.ci95
        first, second = energy.arm("baseline"), energy.arm("candidate")
        table.add_row(
            f"energy per answer ({outcome.energy.tier})",
            f"{first.joules_per_answer * 1e3:.2f} mJ",
            f"{second.joules_per_answer * 1e3:.2f} mJ",
            f"{1 / outcome.energy.ratio:.1f} times less, 95% CI {1 / high:.1f} to {1 / low:.1f}",
        )
        strongest = energy.arm(energy.strongest.against)
        table.add_row(
            "  against its strongest form",
            f"{strongest.joules_per_answer * 1e3:.2f} mJ",
            f"{second.joules_per_answer * 1e3:.2f} mJ",
            f"{1 / outcome.energy.ratio_strongest:.1f} times less "
            f"({strongest.runtime} {strongest.precision})",
        )
        table.add_row(
            "latency p50 / p95, batch 1",
            f"{first.latency_p50_ms:.1f} / {first.latency_p95_ms:.1f} ms",
            f"{second.latency_p50_ms:.1f} / {second.latency_p95_ms:.1f} ms",
            f"{first.latency_p50_ms / second.latency_p50_ms:.1f} times faster",
        )
    table.add_row(
        "size on disk",
        f"{base.bytes / 1e6:.1f} MB",
        f"{shown.bytes / 1e6:.1f} MB",
        f"{base.bytes / shown.bytes:.1f} times smaller",
    )
    table.add_row(
        "parameters",
        f"{base.parameters / 1e6:.1f} M",
        f"{shown.parameters / 1e6:.1f} M",
        f"{shown.parameters / base.parameters - 1:+.0%}",
    )
    table.add_row(
        "runtime, precision",
        f"{base.runtime} {base.precision}",
        f"{shown.runtime} {shown.precision}",
        "",
    )
    return table
