"""Where an audit is left: three files in a folder, and in MLflow."""

import tempfile
from pathlib import Path

from leanstage.audit.journal import JOURNAL
from leanstage.audit.render import render_csv, render_html
from leanstage.contracts import Audit, write_atomically
from leanstage.registry import runs
from leanstage.registry.client import connect, experiment_id, refusals

EXPERIMENT = "leanstage-audit"
JSON, CSV, HTML = "audit.json", "audit.csv", "audit.html"


def write_audit(audit: Audit, folder: Path) -> tuple[Path, ...]:
    """Write ``audit.json``, ``audit.csv`` and ``audit.html``, over those of an earlier audit."""
    paths = tuple(folder / name for name in (JSON, CSV, HTML))
    audit.save(paths[0])
    write_atomically(paths[1], render_csv(audit).encode())
    write_atomically(paths[2], render_html(audit).encode())
    # It is whole: the next one begins anew.
    (folder / JOURNAL).unlink(missing_ok=True)
    return paths


def log_audit(audit: Audit) -> str:
    """Keep the files and the coverage with a run in ``leanstage-audit``; returns the run.

    Raises:
        RegistryError: MLflow refuses.
    """
    client = connect()
    with refusals():
        run = client.create_run(experiment_id(client, EXPERIMENT), run_name=f"audit-{audit.taken}")
    run_id = str(run.info.run_id)
    with tempfile.TemporaryDirectory(prefix="leanstage-audit-") as scratch:
        for path in write_audit(audit, Path(scratch)):
            runs.log_file(run_id, path)
    figures = audit.coverage.model_dump()
    runs.log_metrics(run_id, {name: float(value) for name, value in figures.items()})
    runs.set_tags(run_id, {"leanstage.complete": str(audit.complete).lower()})
    runs.end_run(run_id, "FINISHED")
    return run_id
