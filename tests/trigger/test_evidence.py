"""When a decision was made, as the document that is kept with a run tells."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from leanstage.registry.client import connect
from leanstage.trigger.evidence import decided_at
from tests.gate.test_headline import decision
from tests.trigger.conftest import leave_evidence

NINE = datetime(2026, 11, 26, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ("2026-11-26T09:00:00+00:00", NINE),
        ("2026-11-26T10:00:00+01:00", NINE),
        ("2026-11-26T09:00:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_time_without_a_zone_or_none_at_all_tells_nothing(
    mlflow_here: str, tmp_path: Path, said: str, understood: datetime | None
) -> None:
    made = decision("BLOCKED", None, ()).model_copy(update={"decided": said})
    assert decided_of(made.model_dump_json(), tmp_path) == understood


@pytest.mark.parametrize("document", ["", "{", "{}", "[]"])
def test_a_broken_document_tells_nothing(mlflow_here: str, tmp_path: Path, document: str) -> None:
    assert decided_of(document, tmp_path) is None


def test_a_run_without_a_decision_tells_nothing(mlflow_here: str) -> None:
    assert decided_at(leave_evidence("a-run")) is None


def decided_of(document: str, folder: Path) -> datetime | None:
    run_id = leave_evidence("a-run")
    (folder / "decision.json").write_text(document)
    connect().log_artifact(run_id, str(folder / "decision.json"))
    return decided_at(run_id)
