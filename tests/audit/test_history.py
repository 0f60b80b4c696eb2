"""Energy per answer, year over year, from decisions that a real MLflow keeps."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from leanstage.audit.history import intensity_history
from leanstage.audit.subject import subject_of
from leanstage.contracts import (
    Champion,
    DatasetInfo,
    Decision,
    EnergyVerdict,
    HardwareProfile,
    Judgement,
    ModelVersion,
    Role,
    RunContext,
    Step,
)
from leanstage.errors import InputError, LeanstageError
from leanstage.gate.evidence import Candidate, documents_sha256
from leanstage.gate.promotion import promote
from leanstage.gate.record import keep_decision
from leanstage.gate.rollback import roll_back
from leanstage.registry import runs
from leanstage.registry.client import connect
from leanstage.registry.versions import DIGEST_TAG
from leanstage.variant.folder import with_lineage
from tests.accounts.evidence import JOULES, comparison
from tests.audit.conftest import Shipping

NOW = datetime(2026, 7, 1, tzinfo=UTC)


class Years:
    """A model whose champions are decided, measured and promoted for real, at days gone by."""

    def __init__(self, uri: str, folder: Path) -> None:
        self.database = uri.removeprefix("sqlite:///")
        self.folder = folder
        self.shipping = Shipping(folder, uri)
        self.champion: Champion | None = None
        self.runs: list[str] = []

    def ship(self, day: str, joules: float, *, kept: bool = True, **measured: Any) -> str:
        """Promote a candidate that takes ``joules`` an answer; its run."""
        number = len(self.runs)
        step = Step(
            technique="prune",
            status="skipped",
            reason=f"round {number}",
            parent_digest=self.shipping.baseline.digest,
            seconds=0.0,
        )
        made = with_lineage(self.shipping.baseline, self.folder / f"made-{number}", (step,))
        energy = self.evidence(joules, **measured)
        judged = Judgement(
            candidate="optimized",
            digest=made.digest,
            passed=True,
            joules_per_answer=joules,
            baseline_joules_per_answer=1.0,
            tier=energy.meter.tier,
        )
        shown = Candidate("optimized", None, made.digest, None, energy, None)
        nothing = Candidate("fallback", None, None, None, None, None)
        decision = self.shipping.decision(
            self.shipping.policy,
            digest=made.digest,
            judgements=(judged,),
            champion=self.champion,
            evidence_sha256=documents_sha256(energy.node, (shown, nothing)),
        )
        if kept:
            folder = self.folder / str(number)
            runs.log_file(decision.run_id, energy.save(folder / "energy.json"), "optimized")
            context = self.context(decision, energy.node)
            runs.log_file(decision.run_id, context.save(folder / "context.json"))
        folders: dict[Role, Path] = {
            "baseline": self.shipping.baseline.path,
            "optimized": made.path,
        }
        keep_decision(decision, self.shipping.policy, made.path)
        version = promote(decision, variants=folders, target=self.folder / f"target-{number}")
        self.runs.append(decision.run_id)
        self.dated(version, day)
        return decision.run_id

    def dated(self, version: ModelVersion, day: str) -> None:
        """Let MLflow's database say that a version was made on ``day``."""
        made = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)
        with sqlite3.connect(self.database) as connection:
            changed = connection.execute(
                "UPDATE model_versions SET creation_time = ? WHERE name = ? AND version = ?",
                (made, version.name, int(version.version)),
            )
            assert changed.rowcount == 1
        tags = connect().get_model_version(version.name, version.version).tags
        again = version.model_copy(update={"created_ms": made})
        self.champion = Champion(version=again, digest=tags[DIGEST_TAG])

    def context(self, decision: Decision, hardware: HardwareProfile) -> RunContext:
        """What the run was asked."""
        rows = DatasetInfo(split="train", source="rows.jsonl", n=10, rows_sha256="e" * 64)
        return RunContext(
            run_id=decision.run_id,
            source=decision.source,
            pinned_model="models:/tiny/1",
            baseline_digest=self.shipping.baseline.digest,
            champion=decision.champion,
            deploy=decision.deploy,
            policy=self.shipping.policy,
            hardware=hardware,
            train=rows,
            validation=rows,
            evaluation=rows,
            unlabelled=rows,
        )

    @staticmethod
    def evidence(joules: float, **changes: Any) -> Any:
        return comparison(joules=JOULES | {"candidate": joules, "control": joules}, **changes)


@pytest.fixture
def years(mlflow_here: str, tmp_path: Path) -> Years:
    return Years(mlflow_here, tmp_path)


def test_champions_of_three_years_are_one_line_a_year(years: Years) -> None:
    first = years.ship("2024-07-01", 0.8)
    second = years.ship("2025-07-01", 0.4)
    history = intensity_history(now=NOW)
    assert history.problems == ()
    assert [(each.model, each.year) for each in history.years] == [
        ("tiny", 2024),
        ("tiny", 2025),
        ("tiny", 2026),
    ]
    begun, halved, kept = history.years
    assert begun.joules_per_answer == (0.8, 0.8)
    assert begun.change is None
    mean = (181 * 0.8 + 184 * 0.4) / 365
    assert halved.joules_per_answer == pytest.approx((mean, mean))
    assert halved.change == pytest.approx(mean / 0.8 - 1)
    assert halved.decisions == (first, second)
    assert (kept.days, kept.tiers) == (181, ("measured",))
    assert intensity_history(["tiny"], now=NOW) == history
    energy, form = subject_of(second)
    assert form == "candidate"
    assert energy.arm(form).joules_per_answer == 0.4
    with pytest.raises(InputError, match="the model huge has no champion"):
        intensity_history(["huge"], now=NOW)


def test_another_meter_is_no_change_and_an_estimate_is_a_range(years: Years) -> None:
    years.ship("2024-01-01", 0.8, scale=(0.7, 2.0))
    years.ship("2025-01-01", 0.4)
    first, second, _ = intensity_history(now=NOW).years
    assert first.joules_per_answer == pytest.approx((0.7 * 0.8, 2.0 * 0.8))
    assert second.change is None
    assert "tier, meter differ" in second.basis


def test_longer_answers_are_no_change(years: Years) -> None:
    short = comparison().workload.model_copy(update={"tokens_per_answer": 16})
    longer = short.model_copy(update={"tokens_per_answer": 128})
    years.ship("2024-01-01", 0.2, workload=short)
    years.ship("2025-01-01", 0.8, workload=longer)
    _, second, _ = intensity_history(now=NOW).years
    assert second.change is None
    assert "tokens per answer differ" in second.basis


def test_evidence_with_another_figure_than_was_signed_is_none(years: Years) -> None:
    run_id = years.ship("2025-01-01", 0.4, scale=(0.7, 2.0))
    years.ship("2026-01-01", 0.4, scale=(0.7, 2.0))
    # The figure that was judged is the signed one; that of single requests is another.
    forged = years.evidence(0.4, scale=(0.7, 2.0), loads=())
    runs.log_file(run_id, forged.save(years.folder / "forged" / "energy.json"), "optimized")
    first, second = intensity_history(now=NOW).years
    # The signed figure stands, as wide as an estimate may be; the forged meter is not believed.
    assert first.joules_per_answer == pytest.approx((0.4 * 0.4, 2.5 * 0.4))
    assert first.tiers == ("estimated",)
    assert second.change is None
    assert "not on record" in second.basis
    with pytest.raises(InputError, match="is not what the gate signed"):
        subject_of(run_id)


def test_a_rollback_serves_what_was_decided_before(years: Years) -> None:
    first = years.ship("2024-01-01", 0.8)
    years.ship("2025-01-01", 0.4)
    years.dated(roll_back("tiny").new, "2026-01-01")
    found = {each.year: each for each in intensity_history(now=NOW).years}
    assert found[2026].joules_per_answer == (0.8, 0.8)
    assert found[2026].decisions == (first,)
    assert found[2026].change == pytest.approx(1.0)


def test_a_decision_that_cannot_be_believed_is_a_problem_and_no_figure(years: Years) -> None:
    first = years.ship("2025-01-01", 0.8)
    years.ship("2026-01-01", 0.4)
    tampered = years.folder / "decision.dsse.json"
    tampered.write_text("{}")
    runs.log_file(first, tampered, "attestation")
    connect().set_model_version_tag("tiny", "3", DIGEST_TAG, "f" * 64)
    history = intensity_history(now=NOW)
    assert history.years == ()
    unread, other = history.problems
    assert unread.startswith("tiny version 2: the envelope of the decision cannot be read")
    assert other.startswith("tiny version 3: ")
    assert "is about other bytes" in other


def test_a_file_is_the_subject_too(tmp_path: Path) -> None:
    path = comparison().save(tmp_path / "energy.json")
    assert subject_of(str(path)) == (comparison(), "candidate")
    verdict = EnergyVerdict(
        baseline="a",
        candidate="b",
        reference="registered",
        min_saving=0.1,
        required_saving=0.1,
        ratio=0.25,
        ci95=(0.24, 0.26),
        tier="measured",
        verdict="PASS",
        reason="It saves.",
        comparison=comparison(),
    ).save(tmp_path / "compared.json")
    assert subject_of(str(verdict)) == (comparison(), "candidate")


@pytest.mark.parametrize(
    ("part", "forged", "named"),
    [
        (("arms",), [], "does not carry the digest"),
        (("registered", "arm"), "another", "does not carry the digest"),
        (("loads", 0, "joules_per_answer"), {"candidate": 0.5}, "not those of its windows"),
        (("loads", 0, "joules_per_answer", "baseline"), -1.0, "not those of its windows"),
        (("meter", "scale"), [2.0, 0.7], "2 to 0.7 times too little"),
    ],
)
def test_figures_that_the_windows_do_not_give_are_refused(
    tmp_path: Path, part: tuple[Any, ...], forged: Any, named: str
) -> None:
    fields = json.loads(comparison().model_dump_json())
    *way, last = part
    within = fields
    for key in way:
        within = within[key]
    within[last] = forged
    path = tmp_path / "energy.json"
    path.write_text(json.dumps(fields))
    with pytest.raises(InputError, match=f"contradicts itself .*{named}"):
        subject_of(str(path))


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("absent.json", None, "neither a file nor an MLflow run"),
        ("broken.json", "{", "cannot be read as JSON"),
        ("other.json", "[]", "is not a valid EnergyComparison"),
        ("report.json", '{"decision": {}}', "is not a valid Report"),
    ],
)
def test_what_is_no_subject_is_refused(
    tmp_path: Path, name: str, text: str | None, named: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=named):
        subject_of(str(path))


def test_a_run_that_is_not_there_is_one_sentence(mlflow_here: str) -> None:
    with pytest.raises(LeanstageError, match="holds no signed decision"):
        subject_of("0" * 32)
