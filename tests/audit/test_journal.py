"""An audit that was killed is gone on with: what was examined is not examined again."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from leanstage.audit import JOURNAL, survey, write_audit
from leanstage.audit.inventory import Serving
from leanstage.audit.journal import Journal
from leanstage.audit.standing import Examiner
from leanstage.contracts import Audit, AuditEntry
from leanstage.gate import attestation

MODELS, UNTIL = 5, 2
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
KILLED = f"""
import os, signal
from pathlib import Path
from leanstage.audit import survey
from leanstage.audit.journal import Journal
keep, kept = Journal.add, []
def add(self, *what):
    keep(self, *what)
    kept.append(what)
    if len(kept) == {UNTIL}:
        os.kill(os.getpid(), signal.SIGKILL)
Journal.add = add
survey(tell=lambda _: None, journal=Path(os.environ["JOURNAL"]))
"""


@pytest.fixture(scope="module")
def database(migrated_db: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow in which a few versions serve that nobody looked at, to be copied."""
    path = tmp_path_factory.mktemp("journal") / "mlflow.db"
    shutil.copyfile(migrated_db, path)
    client = MlflowClient(f"sqlite:///{path}", registry_uri=f"sqlite:///{path}")
    for number in range(MODELS):
        client.create_registered_model(f"old-{number}")
        client.create_model_version(f"old-{number}", source="s3://nowhere/at/all")
        client.set_registered_model_alias(f"old-{number}", "champion", "1")
    return path


@pytest.fixture
def client(database: Path, embedded_mlflow: str) -> MlflowClient:
    """Of a copy of its own."""
    shutil.copyfile(database, embedded_mlflow.removeprefix("sqlite:///"))
    return MlflowClient(embedded_mlflow, registry_uri=embedded_mlflow)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "out" / JOURNAL


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that are examined, as they are."""
    models: list[str] = []
    entry = Examiner.entry

    def noted(self: Examiner, found: Any) -> Any:
        models.append(found.model)
        return entry(self, found)

    monkeypatch.setattr(Examiner, "entry", noted)
    return models


def audit(journal: Path, told: Callable[[str], None] = lambda _: None, **later: float) -> Audit:
    return survey(tell=told, now=NOW + timedelta(**later), journal=journal)


def test_after_a_kill_only_the_rest_is_examined(
    client: MlflowClient, journal: Path, examined: list[str]
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], env={**os.environ, "JOURNAL": str(journal)}, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL
    told: list[str] = []
    found = survey(tell=told.append, journal=journal)
    assert len(examined) == MODELS - UNTIL
    assert [entry.model for entry in found.entries] == [f"old-{n}" for n in range(MODELS)]
    assert found.examined_since is not None
    assert found.examined_since <= found.taken
    assert any(line.startswith("going on with an audit that was interrupted") for line in told)
    assert f"{UNTIL} of {MODELS} versions were examined before" in told


def test_a_line_that_was_torn_counts_for_nothing(
    client: MlflowClient, journal: Path, examined: list[str]
) -> None:
    whole = audit(journal)
    journal.write_bytes(journal.read_bytes()[:-40])
    examined.clear()
    again = audit(journal)
    assert len(examined) == 1
    assert again.entries == whole.entries
    examined.clear()
    audit(journal)
    assert examined == []


def test_what_was_examined_long_ago_is_examined_again_and_that_is_told(
    client: MlflowClient, journal: Path, examined: list[str]
) -> None:
    audit(journal)
    examined.clear()
    told: list[str] = []
    found = audit(journal, told.append, hours=12, minutes=1)
    assert len(examined) == MODELS
    assert found.examined_since is None
    assert told[0] == f"{MODELS} versions were examined more than 12 hours ago: once more"


def test_what_has_changed_since_is_examined_again(
    client: MlflowClient, journal: Path, examined: list[str]
) -> None:
    audit(journal)
    examined.clear()
    client.set_model_version_tag("old-1", "1", "leanstage.status", "failed")
    client.delete_registered_model("old-2")
    client.create_registered_model("old-2")
    client.create_model_version("old-2", source="s3://nowhere/else")
    client.set_registered_model_alias("old-2", "champion", "1")
    found = audit(journal, minutes=5)
    assert sorted(examined) == ["old-1", "old-2"]
    assert found.examined_since == NOW.isoformat(timespec="seconds")


def test_what_rests_on_other_keys_is_examined_again(
    client: MlflowClient,
    journal: Path,
    examined: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    audit(journal)
    examined.clear()
    attestation.generate(tmp_path / "other")
    monkeypatch.setenv("LEANSTAGE_TRUST", str(tmp_path / "other"))
    audit(journal)
    assert len(examined) == MODELS


def test_what_could_not_be_read_is_tried_again(
    client: MlflowClient, journal: Path, examined: list[str]
) -> None:
    client.set_model_version_tag("old-0", "1", "leanstage.state", "promoted")
    assert not audit(journal).complete
    examined.clear()
    audit(journal)
    assert examined == ["old-0"]


def test_what_may_have_run_out_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    found = Serving("m", "1", ("champion",))
    for status, known in (("optimized", True), ("justified", False)):
        entry = AuditEntry(model="m", version="1", status=status, reason="So.")
        with Journal(path, [], NOW, print) as kept:
            kept.add(found, entry)
        with Journal(path, [], NOW, print) as kept:
            assert (kept.find(found) is not None) == known
        path.unlink()


def test_an_audit_that_was_written_is_not_gone_on_with(
    client: MlflowClient, journal: Path, examined: list[str]
) -> None:
    write_audit(audit(journal), journal.parent)
    examined.clear()
    assert audit(journal).examined_since is None
    assert len(examined) == MODELS
