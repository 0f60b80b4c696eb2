"""What the tasks of the audit's pipeline do."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leanstage import progress
from leanstage.audit import words
from leanstage.audit.asking import ask, told
from leanstage.audit.brief import render_brief
from leanstage.audit.keep import log_audit
from leanstage.audit.render import render_csv, render_html
from leanstage.audit.sources import Sources
from leanstage.audit.survey import survey
from leanstage.contracts import Audit, write_atomically
from leanstage.errors import InputError, LeanstageError
from leanstage.uris import shown


def take_inventory(
    *,
    aliases: str,
    volumes: str,
    prometheus: str,
    cluster: bool,
    document: Path,
    table: Path,
    html: Path,
    markdown: Path,
) -> dict[str, float]:
    """Audit, keep the audit in MLflow and write it in every form; returns figures by name.

    Raises:
        RegistryError: MLflow cannot be searched, or refuses to keep it.
        InputError: the volumes cannot be used.
    """
    named = [alias.strip() for alias in aliases.split(",") if alias.strip()]
    with _fetched(volumes) as path:
        sources = Sources(cluster=cluster, volumes=path, prometheus=prometheus or None)
        audit = survey(named, progress.step, sources=sources)
    audit.save(document)
    write_atomically(table, render_csv(audit).encode())
    write_atomically(html, render_html(audit).encode())
    write_atomically(markdown, render_brief(audit).encode())
    progress.step(words.coverage_sentence(audit))
    progress.output("audit_run", log_audit(audit))
    return {**audit.coverage.model_dump(), "complete": float(audit.complete)}


def ask_for_runs(audit: Audit, most: int) -> None:
    """Ask for runs of the first ``most`` models, and say of each what became of it.

    Raises:
        LeanstageError: the audit is not complete; what could be asked for is asked for all the
            same.
    """
    for line in told(ask(audit.entries, most)):
        progress.step(line)
    if not audit.complete:
        unread = [*audit.problems, *(words.why(each) for each in audit.entries if each.error)]
        raise LeanstageError(
            f"the audit is not complete: {len(unread):,} could not be read, such as: {unread[0]} "
            "The page of the task inventory lists them."
        )


@contextmanager
def _fetched(uri: str) -> Iterator[Path | None]:
    """A file at any URI that fsspec opens, here; None for none."""
    if not uri:
        yield None
        return
    import fsspec

    with tempfile.TemporaryDirectory(prefix="leanstage-audit-") as scratch:
        path = Path(scratch) / "volumes.csv"
        try:
            with fsspec.open(uri, "rb") as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
        except Exception as error:  # each file system raises errors of its own
            # Their text and the query of the URI may hold a key.
            told = shown(uri)
            raise InputError(
                f"The volumes {told} cannot be read ({type(error).__name__}); give the URI of a "
                "CSV that this may read."
            ) from None
        yield path
