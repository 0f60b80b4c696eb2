"""`leanstage accounts`: what it prints and writes, and how it refuses."""

import csv
from functools import partial
from pathlib import Path

import pytest

from leanstage.accounts import load_factors
from leanstage.cli._shared import console
from leanstage.contracts import Accounts, IntensityHistory
from tests.accounts.evidence import comparison
from tests.command import Command

SETTING = """
site: owned
year: 2026
answers_per_year: {value: 10_000_000, origin: measured, source: "=our counter"}
replica:
  server_share: {value: 0.25, source: 16 of 64 threads}
objective:
  peak_per_second: {value: 50, source: our counter}
  latency_ms: 90
"""


@pytest.fixture
def leanstage(command: Command, monkeypatch: pytest.MonkeyPatch, mlflow_here: str) -> Command:
    monkeypatch.delenv("LEANSTAGE_FACTORS", raising=False)
    # The environment's COLUMNS count for what is imported later only.
    monkeypatch.setattr(console, "width", 200)

    return partial(command, "accounts")


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A comparison and a setting."""
    setting = tmp_path / "setting.yaml"
    setting.write_text(SETTING)
    return str(comparison().save(tmp_path / "energy.json")), str(setting)


def test_a_model_is_accounted_for_on_screen_and_in_two_files(
    leanstage: Command, files: tuple[str, str], tmp_path: Path
) -> None:
    energy, setting = files
    document, sheet = tmp_path / "accounts.json", tmp_path / "accounts.csv"
    own = tmp_path / "factors.yaml"
    own.write_text("region: GB\nboundary: direct\n")
    code, out, _ = leanstage(
        "model", energy, "--setting", setting, "--factors", str(own),
        "--json", str(document), "--csv", str(sheet),
    )  # fmt: skip
    assert code == 0
    accounts = Accounts.load(document)
    assert (accounts.subject, accounts.region) == ("candidate", "GB")
    assert f"{accounts.kwh[0]:.4g}" in out
    assert "inventory: Scope 2, market-based" in out
    assert "not known" in out
    assert "candidate in 2026; inputs: 6 measured, 2 modeled" in out
    with sheet.open(newline="") as stream:
        rows = {(row["section"], row["item"]): row for row in csv.DictReader(stream)}
    assert float(rows["energy", "data centre"]["low"]) == accounts.kwh[0]
    assert rows["input", "Answers per year"]["basis"] == "'=our counter"


def test_another_form_can_be_named(leanstage: Command, files: tuple[str, str]) -> None:
    energy, setting = files
    code, out, _ = leanstage("model", energy, "--setting", setting, "--form", "baseline")
    assert code == 0
    assert "The baseline itself serves." in out


@pytest.mark.parametrize("form", ["nothing", "control"])
def test_what_could_not_serve_is_refused_with_the_forms_that_could(
    leanstage: Command, files: tuple[str, str], form: str
) -> None:
    energy, setting = files
    code, _, err = leanstage("model", energy, "--setting", setting, "--form", form)
    assert code == 2
    assert f"No form '{form}' that could serve was measured; there are baseline, candidate." in err


def test_what_cannot_be_used_is_one_sentence_and_leaves_no_file(
    leanstage: Command, files: tuple[str, str], tmp_path: Path
) -> None:
    energy, setting = files
    document = tmp_path / "accounts.json"
    Path(setting).write_text(SETTING.replace("latency_ms: 90", "latency_ms: 10"))
    code, _, err = leanstage("model", energy, "--setting", setting, "--json", str(document))
    assert code == 2
    assert "No number of replicas of candidate" in err
    assert "Traceback" not in err
    assert not document.exists()


def test_a_registry_without_champions_has_no_history(leanstage: Command, tmp_path: Path) -> None:
    document, sheet = tmp_path / "history.json", tmp_path / "history.csv"
    code, out, _ = leanstage("history", "--json", str(document), "--csv", str(sheet))
    assert code == 0
    assert "No gate has promoted a model" in out
    assert IntensityHistory.load(document).years == ()
    assert sheet.read_text().count("\n") == 1
    code, _, err = leanstage("history", "huge")
    assert code == 2
    assert "the model huge has no champion" in err


def test_the_factors_in_force_are_shown(leanstage: Command, tmp_path: Path) -> None:
    sheet = tmp_path / "factors.csv"
    code, out, _ = leanstage("factors", "--csv", str(sheet))
    assert code == 0
    assert "In force: region World, boundary lifecycle." in out
    with sheet.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["value"]) for row in rows[:3]] == [g.value for g in load_factors().grids[:3]]
    assert rows[0]["licence"] == "CC BY 4.0"
