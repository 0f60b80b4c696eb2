"""One run as the command line sees it: its folder, its MLflow, its end."""

import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from leanstage.contracts import Decision, Outcome
from leanstage.errors import InputError, LeanstageError
from leanstage.registry.client import URI_VARIABLE, embedded_uri
from leanstage.report.commands import justify_command
from leanstage.runner.console import ConsoleListener, print_outcome, print_proposal
from leanstage.runner.local import Run, follow, run_pipeline
from leanstage.runner.outcome import outcome_of, summary

HOME_VARIABLE = "LEANSTAGE_HOME"
REPORTS = {
    "report_html": "report.html",
    "report_markdown": "report.md",
    "decision": "decision.json",
}


def home() -> Path:
    """Where the embedded MLflow and the runs live."""
    return Path(os.environ.get(HOME_VARIABLE, ".leanstage")).resolve()


def tracking_uri() -> str:
    """The configured MLflow, else the embedded one, whose folder is made."""
    if not os.environ.get(URI_VARIABLE):
        home().mkdir(parents=True, exist_ok=True)
    return name_tracking_uri()


def name_tracking_uri() -> str:
    """The same without making anything; exported, so that this process and its tasks use it."""
    uri = os.environ.get(URI_VARIABLE)
    if not uri:
        uri = os.environ[URI_VARIABLE] = embedded_uri(home())
    return uri


def run_folder(out: Path | None, name: str) -> Path:
    """A new folder for a run.

    Raises:
        InputError: ``out`` holds files already.
    """
    if out is None:
        stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        out = home() / "runs" / f"{stamp}-{name}-{os.getpid()}"
    if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
        raise InputError(f"{out} is not an empty folder; name another one for this run.")
    out.mkdir(parents=True, exist_ok=True)
    return out


def execute(
    pipeline: str,
    arguments: Mapping[str, Any],
    *,
    folder: Path,
    console: Console,
    json_file: Path | None,
) -> Outcome:
    """Run a pipeline, show it, and write its outcome where it was asked for.

    Raises:
        LeanstageError: the run reached no decision.
    """
    uri = tracking_uri()
    console.print(f"Run folder       {folder}", highlight=False, soft_wrap=True)
    run = _followed(pipeline, arguments, folder, uri, console)
    try:
        outcome, energy = outcome_of(run, tracking_uri=uri)
    except LeanstageError as error:
        _close(run, "FAILED")
        raise error from None
    outcome = _settle(run, outcome)
    if json_file is not None:
        outcome.save(json_file)
    outcome.save(folder / "outcome.json")
    decision = Decision.load(run.outputs["decision"])
    print_outcome(console, outcome, energy, justify=justify_command(decision))
    return outcome


def propose(request: Mapping[str, Any], *, folder: Path, console: Console) -> str:
    """Run the first half of the line; returns the MLflow run that holds the proposal.

    Raises:
        LeanstageError: the run failed before there was a proposal.
    """
    uri = tracking_uri()
    console.print(f"Run folder       {folder}", highlight=False, soft_wrap=True)
    run = _followed("optimize", request, folder, uri, console)
    if run.error is not None:
        _close(run, "FAILED")
        raise run.error
    print_proposal(
        console,
        run.outputs["run_id"],
        {role: summary(run.outputs[f"{role}_variant"]) for role in ("optimized", "fallback")},
    )
    return run.outputs["run_id"]


def is_proposal(run_id: str) -> bool:
    """Whether an MLflow run holds candidates that nobody decided on yet.

    Raises:
        InputError: there is no such run.
    """
    tracking_uri()
    from leanstage.gate.keeping import KIND_TAG, PROPOSAL_KIND
    from leanstage.registry.client import RegistryError
    from leanstage.registry.runs import tags_of

    try:
        return tags_of(run_id).get(KIND_TAG) == PROPOSAL_KIND
    except RegistryError as error:
        if error.missing:
            raise InputError(
                f"MLflow has no run {run_id}; give the MLflow run that an earlier command printed."
            ) from error
        raise


def prepare(module: list[str], *, folder: Path, console: Console) -> None:
    """Run a module of ours in a process of its own, with its progress shown.

    Raises:
        LeanstageError: it failed; the message says why.
    """
    run = Run(folder)
    with ConsoleListener(console) as listener:
        follow(module, run=run, tracking_uri=tracking_uri(), listener=listener)
    if run.error is not None:
        raise run.error


def _followed(
    pipeline: str, arguments: Mapping[str, Any], folder: Path, uri: str, console: Console
) -> Run:
    run = Run(folder)
    try:
        with ConsoleListener(console) as listener:
            run_pipeline(pipeline, arguments, run=run, tracking_uri=uri, listener=listener)
    except KeyboardInterrupt:
        _close(run, "KILLED")
        raise
    return run


def _settle(run: Run, outcome: Outcome) -> Outcome:
    """Bring what outlives the run to the top of its folder."""
    for name, target in REPORTS.items():
        shutil.copyfile(run.outputs[name], run.folder / target)
    return outcome.model_copy(update={"report": str((run.folder / "report.html").resolve())})


def _close(run: Run, status: str) -> None:
    """Close the MLflow run of a run that did not get to its end."""
    run_id = run.outputs.get("run_id")
    if run_id is not None:
        from leanstage.registry.runs import end_run

        end_run(run_id, status)
