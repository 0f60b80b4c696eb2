"""`leanstage energy compare`: any two models on disk, without a pipeline."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from leanstage.contracts import Check, EnergyComparison, EnergyVerdict, ModelPolicy
from leanstage.energy.pair import _judged, compare_models
from leanstage.variant.adopt import adopt
from leanstage.variant.forms import write_onnx
from tests.command import Command
from tests.conftest import reviews, write_rows
from tests.generation_model import sentences, write_prompts
from tests.report.conftest import energy

QUICK = ("--blocks", "4", "--window-seconds", "0.1")


@pytest.fixture
def leanstage(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("COLUMNS", "200")

    return partial(command, "energy", "compare")


@pytest.fixture(scope="module")
def bert(tiny_checkpoint: Callable[[str], Path]) -> Path:
    return tiny_checkpoint("bert")


def test_a_checkpoint_and_a_variant(bert: Path, tmp_path: Path, leanstage: Command) -> None:
    onnx = write_onnx(adopt(bert, tmp_path / "adopted"), tmp_path / "onnx").path
    rows = write_rows(tmp_path / "rows.jsonl", reviews(60, seed=5))
    out = tmp_path / "verdict.json"
    code, table, _ = leanstage(
        *(str(bert), str(onnx), "--data", str(rows), *QUICK, "--min-saving", "0"),
        *("--json", str(out)),
    )
    found = EnergyVerdict.load(out)
    comparison = found.comparison
    assert code == (0 if found.verdict == "PASS" else 3)
    assert {arm.name: arm.runtime for arm in comparison.arms} == {
        "baseline": "torch",
        "candidate": "onnxruntime",
        "control": "onnxruntime",
    }
    assert (found.ratio, found.ci95) == (comparison.registered.ratio, comparison.registered.ci95)
    assert found.tier == comparison.meter.tier
    assert found.required_saving == ModelPolicy(min_saving=0).required_saving(found.tier)
    assert len(comparison.windows) == 12
    assert f"{found.verdict}: {found.reason}" in table
    assert f"{found.ratio:.3f} of the energy of the baseline (95% interval" in found.reason
    assert "one at a time" in table
    assert "a model against itself" in table


def test_models_that_write(tiny_llama: Path, tmp_path: Path) -> None:
    rows = write_prompts(tmp_path / "rows.jsonl", sentences(30, seed=6))
    found = compare_models(
        *(tiny_llama, tiny_llama, str(rows)),
        **{"blocks": 2, "window_seconds": 0.05, "batch_size": 8, "tell": lambda what, _: None},
    )
    comparison = found.comparison
    assert comparison.workload.tokens_per_answer == 32
    assert [load.tokens_per_answer for load in comparison.loads] == [None, 1]
    assert comparison.decode is not None
    assert comparison.decode.joules_per_token.keys() <= {"baseline", "candidate", "control"}
    assert next(check for check in comparison.checks if check.name == "answers").passed
    # A model against itself saves nothing.
    assert found.verdict != "PASS"


def test_a_saving_can_count_against_the_strongest_form(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    measured = energy("candidate", 0.0064, 0.11)

    def measure(*models: object, **settings: Any) -> EnergyComparison:
        asked.update(settings)
        return measured

    monkeypatch.setattr("leanstage.energy.pair.measure", measure)
    rows = str(write_rows(tmp_path / "rows.jsonl", reviews(5, seed=5)))
    found = compare_models(bert, bert, rows, reference="strongest", tell=lambda what, _: None)
    assert asked["own_forms"]
    assert (found.ratio, found.ci95) == (measured.strongest.ratio, measured.strongest.ci95)
    assert "of the energy of its strongest form" in found.reason
    assert compare_models(bert, bert, rows, tell=lambda what, _: None).reason != found.reason
    assert not asked["own_forms"]


def test_what_cannot_be_compared_is_one_sentence_and_no_file(
    bert: Path, tiny_llama: Path, tmp_path: Path, leanstage: Command
) -> None:
    rows = str(write_rows(tmp_path / "rows.jsonl", reviews(5, seed=5)))
    out = tmp_path / "verdict.json"
    model, nothing = str(bert), str(tmp_path / "nothing")
    refused = [
        ((nothing, model, "--data", rows), f"{nothing} is not a folder"),
        ((model, str(tmp_path), "--data", rows), "holds no config.json"),
        ((model, model, "--data", nothing), f"{nothing} does not exist"),
        ((model, str(tiny_llama), "--data", rows), "only models of one task"),
        ((str(tiny_llama), str(tiny_llama), "--data", str(rows)), "one word"),
    ]
    (tmp_path / "rows.jsonl").write_text('{"text": "word"}\n')
    for arguments, message in refused:
        code, written, error = leanstage(*arguments, *QUICK, "--json", str(out))
        assert (code, written) == (2, "")
        assert message in error.replace("\n", " ")
        assert not out.exists()


@pytest.mark.parametrize(
    ("ratio", "sound", "verdict", "said"),
    [
        (0.3, True, "PASS", "at most 0.600 would save the 40% asked for on this tier."),
        (0.7, True, "FAIL", "takes 0.700 of the energy of the baseline (95% interval 0.686 to"),
        (0.6, True, "INCONCLUSIVE", "which lies within the interval: measure longer."),
        (0.3, False, "INCONCLUSIVE", "counts for nothing: idle-workers: One spins."),
    ],
)
def test_the_verdict_and_its_sentence(ratio: float, sound: bool, verdict: str, said: str) -> None:
    comparison = energy("candidate", 0.0584 * ratio, ratio)
    check = Check(name="idle-workers", passed=sound, detail="One spins.")
    comparison = comparison.model_copy(update={"checks": (*comparison.checks, check)})
    found = _judged(comparison, "registered", 0.4)
    assert found[0] == verdict
    assert said in found[1]


def test_a_place_that_takes_no_file_is_refused_before_anything_runs(
    bert: Path, leanstage: Command
) -> None:
    code, _, error = leanstage(str(bert), str(bert), "--data", "rows", "--json", "/proc/no/file")
    assert code == 2
    assert "cannot be written" in error
