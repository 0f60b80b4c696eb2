"""The whole assessment on a real registry: volumes, sizes, ranking, and what cannot be had."""

from pathlib import Path
from typing import Any

import pytest

from leanstage.audit import Sources, survey
from leanstage.contracts import Audit, AuditEntry
from leanstage.errors import InputError
from tests.audit.conftest import HOSTILE, SOON, Registry

pytestmark = pytest.mark.usefixtures("at_the_registry")

VOLUMES = "model,requests_per_year\ntiny,4e6\nlapsed,1e6\nlean,9e9\nmoved,2e6\n"


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    path = tmp_path / "volumes.csv"
    path.write_text(VOLUMES)
    return path


def taken(**asked: Any) -> Audit:
    return survey(["production"], lambda _: None, now=SOON, sources=Sources(**asked))


def entry(audit: Audit, model: str, version: str = "1") -> AuditEntry:
    (found,) = (each for each in audit.entries if (each.model, each.version) == (model, version))
    return found


def test_the_most_to_save_stands_on_top(volumes: Path) -> None:
    audit = taken(volumes=volumes)
    assert audit.entries[0].model == "lapsed"
    lapsed = entry(audit, "lapsed").yearly
    assert lapsed is not None
    # Baselines take 25 mJ an answer here, what was promoted 5 mJ: three times 80% saved.
    assert lapsed.share == pytest.approx((0.8, 0.8))
    kwh = 1e6 * 0.025 * 0.8 / 3.6e6
    assert lapsed.kwh == pytest.approx((kwh * 0.4, kwh * 2.5))
    # Nothing says what an answer of it takes.
    assert entry(audit, "tiny").requests_per_year == 4e6
    assert entry(audit, "tiny").yearly is None
    # It has drifted, to what is optimized already.
    assert entry(audit, "moved").requests_per_year == 2e6
    assert entry(audit, "moved").yearly is None
    # Of the two versions that serve, the champion answers for the model.
    assert entry(audit, "moved", "2").requests_per_year is None
    lean = entry(audit, "lean")
    assert (lean.requests_per_year, lean.requests_from) == (9e9, "volumes.csv")
    assert lean.yearly is None
    assert (lean.joules_per_answer, lean.tier) == (0.005, "estimated")
    assert [note for note in audit.notes if note.startswith("Emissions and cost: ")]


def test_volumes_of_nothing_that_serves_are_told(volumes: Path) -> None:
    assert not [note for note in taken(volumes=volumes).notes if "volumes.csv" in note]
    volumes.write_text("model,requests_per_year\ntiny,4e6\ntinny,4e6\n")
    (note,) = (note for note in taken(volumes=volumes).notes if "volumes.csv" in note)
    assert note.startswith("volumes.csv names 1 of which nothing serves by that name")
    assert note.endswith(": tinny.")


def test_without_volumes_it_is_said(registry: Registry) -> None:
    audit = taken()
    assert not any(each.yearly for each in audit.entries)
    assert any("No requests were counted" in note for note in audit.notes)


def test_a_prometheus_that_cannot_be_reached_leaves_what_the_file_says(volumes: Path) -> None:
    audit = taken(volumes=volumes, prometheus="http://127.0.0.1:9")
    assert entry(audit, "lapsed").yearly is not None
    (problem,) = audit.problems
    assert "Prometheus at http://127.0.0.1:9 cannot be reached" in problem
    assert not audit.complete


def test_files_that_the_user_names_wrongly_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        taken(volumes=tmp_path / "missing.csv")
    with pytest.raises(InputError, match="no Prometheus to ask"):
        taken(query="sum(my_metric)")


def test_policies_that_cannot_be_read_make_it_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEANSTAGE_POLICY", str(tmp_path / "missing.yaml"))
    audit = taken()
    assert [each for each in audit.problems if "policies in force cannot be read" in each]


def test_sizes_come_from_the_files_of_a_version(registry: Registry) -> None:
    audit = taken(sizes=10)
    tiny = entry(audit, "tiny")
    assert tiny.bytes == 4096
    assert tiny.error is None
    hostile = entry(audit, HOSTILE)
    assert hostile.status == "never-evaluated"
    assert hostile.error is not None
    assert not audit.complete


def test_sizes_are_read_of_as_many_as_asked_the_busiest_first(volumes: Path) -> None:
    audit = taken(volumes=volumes, sizes=1)
    assert entry(audit, "tiny").bytes == 4096
    assert entry(audit, HOSTILE).error is None
    assert any("Sizes were read of 1 of the" in note for note in audit.notes)


def test_a_policy_that_has_changed_is_flagged_where_policies_have_a_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any(each.flags for each in taken().entries)
    place = tmp_path / "policy.yaml"
    place.write_text("name: default\npromoted_model: lean\n")
    monkeypatch.setenv("LEANSTAGE_POLICY", str(place))
    audit = taken()
    assert entry(audit, "lean").flags == ()
    assert [flag.code for flag in entry(audit, "kept").flags] == ["policy.changed"]
