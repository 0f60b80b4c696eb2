"""The report step: from a dossier and its decision to the pages people read."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from leanstage import __version__, progress
from leanstage.accounts import load_factors
from leanstage.contracts import Decision, ModelPolicy
from leanstage.errors import InputError, LeanstageError
from leanstage.gate.dossier import Dossier
from leanstage.gate.record import signed_statement
from leanstage.registry import runs
from leanstage.report.commands import justify_command
from leanstage.report.inputs import CandidateRecord, ReportInputs
from leanstage.report.render import render_html, render_json, render_markdown

NAMES = {"html": "report.html", "markdown": "report.md", "json": "report.json"}


def write_report(dossier: Dossier, decision: Decision, *, html: Path, markdown: Path) -> None:
    """Write the report to ``html`` and ``markdown`` and keep it, JSON included, with the run."""
    # The run may state another policy than the one it was judged under.
    policy = signed_statement(decision.run_id).predicate.policy
    inputs = _priced(report_inputs(dossier, decision, policy))
    with tempfile.TemporaryDirectory(prefix="leanstage-report-") as scratch:
        pages = {
            "html": render_html(inputs),
            "markdown": render_markdown(inputs),
            "json": render_json(inputs),
        }
        for form, text in pages.items():
            path = Path(scratch) / NAMES[form]
            path.write_text(text, encoding="utf-8")
            runs.log_file(decision.run_id, path)
        for form, target in (("html", html), ("markdown", markdown)):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(scratch) / NAMES[form], target)
            progress.output(f"report_{form}", target)


def report_inputs(dossier: Dossier, decision: Decision, policy: ModelPolicy) -> ReportInputs:
    """What a dossier that was judged under ``policy`` shows, emissions and cost aside."""
    baseline = dossier.baseline_manifest()
    if baseline is None:
        raise LeanstageError(f"{dossier.baseline} holds no baseline to report on.")
    records = {}
    timings: dict[str, float] = {}
    for role, files in dossier.candidates.items():
        manifest = files.manifest()
        if manifest is None:
            continue
        evaluation, energy = files.read_evaluation(), files.read_energy()
        records[role] = CandidateRecord(manifest, evaluation, energy)
        for step in manifest.lineage:
            timings[f"{step.technique} ({role})"] = step.seconds
        if evaluation is not None:
            timings[f"evaluate ({role})"] = evaluation.seconds
        if energy is not None:
            timings[f"energy_measure ({role})"] = energy.seconds
    return ReportInputs(
        decision=decision,
        policy=policy,
        plan=dossier.plan(),
        hardware=dossier.context().hardware,
        baseline=baseline,
        candidates=records,
        factors=None,
        timings=timings,
        version=__version__,
        justify_command=justify_command(decision),
    )


def _priced(inputs: ReportInputs) -> ReportInputs:
    """With the factors in force; promotion waits for the report, so broken ones do not stop it."""
    try:
        return replace(inputs, factors=load_factors())
    except InputError as error:
        progress.step(f"no emissions and no cost: {error}")
        return replace(inputs, no_factors=str(error))
