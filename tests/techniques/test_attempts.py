"""A search over real variants: what is tried is on record, what is chosen stays on disk."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leanstage.contracts import Step, Technique, ValidationFigures, VariantManifest
from leanstage.distill.student import shallow_student
from leanstage.tasks import SplitFolder, open_split, read_labelled, write_split
from leanstage.techniques.attempts import Candidate, Search
from leanstage.techniques.patience import LateError, ending_by, require_time
from leanstage.techniques.record import Record
from leanstage.techniques.search import Budget, limit_of, save_checkpoint, validation_answers
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from leanstage.variant.checkpoint import load_checkpoint
from tests.conftest import LABELS


@pytest.fixture
def baseline(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> Variant:
    return adopt(tiny_checkpoint("bert"), tmp_path / "baseline")


@pytest.fixture
def validation(data: dict[str, Path], tmp_path: Path) -> SplitFolder:
    rows = read_labelled(str(data["evaluation"]), LABELS, split="validation")
    write_split(tmp_path / "validation", rows, split="validation", labels=LABELS)
    return open_split(tmp_path / "validation")


class Trainings:
    """Students of the layers they are given, with the weights beside them shaken by ``noise``."""

    def __init__(self, parent: Variant) -> None:
        self.parent = parent
        self.model: Any = load_checkpoint(parent.path, attention="eager")
        self.made: list[str] = []

    def candidate(self, name: str, layers: list[int], *, noise: float = 0.0) -> Candidate:
        def make(path: Path) -> Variant:
            self.made.append(name)
            student = shallow_student(self.model, layers)
            generator = torch.Generator().manual_seed(0)
            with torch.no_grad():
                for weight in student.parameters():
                    weight += noise * torch.randn(weight.shape, generator=generator)
            return save_checkpoint(student, self.parent, path)

        return Candidate(name, {"layers": layers, "noise": noise}, make)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return scratch


def searching(
    record: Record,
    validation: SplitFolder,
    folder: Path,
    *,
    of: Variant | None = None,
    technique: Technique = "distill",
    tolerance: float,
    minutes: float | None = None,
) -> Search:
    return Search(
        record,
        Budget(limit_of(technique, tolerance)),
        reference=validation_answers(of or record.parent, validation)[0],
        validation=validation,
        folder=folder,
        minutes=minutes,
    )


def test_the_chosen_model_is_the_one_that_was_tried_and_no_other_stays(
    baseline: Variant, validation: SplitFolder, folder: Path, tmp_path: Path
) -> None:
    trainings = Trainings(baseline)
    ladder = [
        trainings.candidate("broken", [0], noise=10.0),
        trainings.candidate("first", [0], noise=0.0),
        trainings.candidate("second", [0, 2], noise=0.0),
    ]
    record = Record("distill", baseline, tmp_path / "student")
    search = searching(record, validation, folder, tolerance=0.2)
    kept = search.most_saving(ladder)
    assert trainings.made == ["first", "broken"]
    assert kept is not None
    assert kept.name == "first"
    assert [path.name for path in folder.iterdir()] == [kept.variant.path.name]
    variant = search.conclude(kept, "students")
    weights = "model.safetensors"
    assert (variant.path / weights).read_bytes() == (kept.variant.path / weights).read_bytes()
    assert trainings.made == ["first", "broken"], "nothing is trained to be handed on"
    (step,) = variant.manifest.lineage
    assert step.status == "applied"
    assert step.settings == {"layers": [0], "noise": 0.0}
    assert step.kept is not None
    assert step.kept.parameters == variant.manifest.parameters


def test_every_attempt_is_on_record_in_its_order_with_all_that_a_curve_needs(
    baseline: Variant, validation: SplitFolder, folder: Path, tmp_path: Path
) -> None:
    trainings = Trainings(baseline)
    ladder = [trainings.candidate(f"noise {n}", [0, 2], noise=n) for n in (20.0, 15.0, 10.0)]
    record = Record("distill", baseline, tmp_path / "student")
    search = searching(record, validation, folder, tolerance=0.0)
    assert search.most_saving(ladder) is None
    (step,) = search.conclude(None, "students").manifest.lineage
    assert [trial.settings["noise"] for trial in step.trials] == [15.0, 10.0]
    for trial in step.trials:
        assert not trial.fits
        assert None not in (trial.validation, trial.ms_per_answer, trial.parameters)
        assert trial.bytes is not None
    assert list(folder.iterdir()) == []


def test_a_rejection_names_what_came_closest_with_its_figures(
    baseline: Variant, validation: SplitFolder, folder: Path, tmp_path: Path
) -> None:
    trainings = Trainings(baseline)
    ladder = [
        trainings.candidate("half-way", [0], noise=0.05),
        trainings.candidate("ruined", [0], noise=20.0),
    ]
    record = Record("distill", baseline, tmp_path / "student")
    search = searching(record, validation, folder, tolerance=0.0)
    (step,) = search.conclude(search.most_saving(ladder), "students").manifest.lineage
    assert step.status == "rejected"
    assert step.reason.startswith("none of 2 students stayed within 0.00%; the closest, half-way:")
    closest = step.trials[0].validation
    assert closest is not None
    assert f"true-class probability {-closest.probability_drop:+.2%}" in step.reason
    assert f"(± {closest.probability_drop_se:.2%})" in step.reason


def test_a_model_of_nan_is_a_trial_that_says_so(
    baseline: Variant, validation: SplitFolder, folder: Path, tmp_path: Path
) -> None:
    trainings = Trainings(baseline)
    record = Record("distill", baseline, tmp_path / "student")
    search = searching(record, validation, folder, tolerance=1.0)
    diverged = trainings.candidate("diverged", [0], noise=float("nan"))
    (step,) = search.conclude(search.most_saving([diverged]), "students").manifest.lineage
    assert step.status == "rejected"
    assert "diverged: does not answer" in step.reason
    assert step.trials[0].validation is None


def test_what_is_no_smaller_is_not_even_asked(
    baseline: Variant, validation: SplitFolder, folder: Path, tmp_path: Path
) -> None:
    trainings = Trainings(baseline)
    record = Record("distill", baseline, tmp_path / "student")
    search = searching(record, validation, folder, tolerance=1.0)
    same = trainings.candidate("whole", [0, 1, 2])
    (step,) = search.conclude(search.most_saving([same]), "students").manifest.lineage
    assert step.status == "rejected"
    assert "not smaller than its input" in step.reason


@pytest.mark.parametrize("own", [True, False])
def test_a_tokenizer_may_change_only_with_a_student_that_brings_its_own(
    own: bool, baseline: Variant, validation: SplitFolder, folder: Path, tmp_path: Path
) -> None:
    trainings = Trainings(baseline)
    plain = trainings.candidate("brought", [0])

    def make(path: Path) -> Variant:
        parent = tmp_path / "other"
        altered = plain.make(parent)
        settings = altered.path / "tokenizer_config.json"
        settings.write_text(settings.read_text().replace("64", "63"), encoding="utf-8")
        return save_checkpoint(load_checkpoint(altered.path), altered, path)

    record = Record("distill", baseline, tmp_path / "student")
    search = searching(record, validation, folder, tolerance=1.0)
    brought = Candidate("brought", plain.settings, make, own_tokenizer=own)
    (step,) = search.conclude(search.most_saving([brought]), "students").manifest.lineage
    assert step.status == ("applied" if own else "rejected")
    assert own or "tokenizer_config.json differ" in step.reason


def test_of_two_ladders_the_later_has_to_be_cheaper_by_more_than_noise(
    baseline: Variant, validation: SplitFolder, folder: Path, tmp_path: Path
) -> None:
    trainings = Trainings(baseline)
    record = Record("distill", baseline, tmp_path / "student")
    search = searching(record, validation, folder, tolerance=1.0)
    shallow, deep = trainings.candidate("shallow", [0]), trainings.candidate("deep", [0, 2])
    kept = search.most_saving([shallow], [deep])
    assert kept is not None
    assert kept.name == "shallow"
    assert trainings.made == ["shallow", "deep"]


def test_a_search_goes_on_only_where_what_was_found_leaves_plenty(
    baseline: Variant, validation: SplitFolder, folder: Path, tmp_path: Path
) -> None:
    def made_within(tolerance: float) -> tuple[list[str], float]:
        trainings = Trainings(baseline)
        ladder = [
            trainings.candidate("near", [0, 2], noise=0.03),
            trainings.candidate("nearest", [0, 2]),
        ]
        further = [
            trainings.candidate("least", [0], noise=0.03),
            trainings.candidate("less", [0], noise=0.03),
        ]
        record = Record("distill", baseline, tmp_path / "student")
        scratch = folder / f"{tolerance}"
        scratch.mkdir()
        search = searching(record, validation, scratch, tolerance=tolerance)
        found = search.most_saving(ladder)
        assert found is not None
        kept = search.go_on(found, further)
        assert [path.name for path in scratch.iterdir()] == [kept.variant.path.name]
        drops = [t.validation.probability_drop for t in record.trials if t.validation]
        return trainings.made, drops[trainings.made.index("near")]

    made, lost = made_within(1.0)
    assert made == ["near", "least"]
    assert lost > 0
    # Half the tolerance is what the technique may lose.
    assert made_within(lost * 2 / 0.6)[0] == ["near"], "four tenths of the limit are left"
    assert made_within(lost * 2 / 0.4)[0][:2] == ["near", "least"], "six tenths are"


def test_what_distilling_leaves_unspent_is_there_for_pruning(
    baseline: Variant, validation: SplitFolder, folder: Path, tmp_path: Path
) -> None:
    """What a step loses counts from the baseline: the second may lose more than half here."""
    trainings = Trainings(baseline)
    light = trainings.candidate("light", [0, 2])
    heavy = trainings.candidate("heavy", [0], noise=0.1)

    def step_of(
        technique: Technique, candidate: Candidate, parent: Variant, tolerance: float
    ) -> Variant:
        record = Record(technique, parent, tmp_path / f"{technique}-{len(trainings.made)}")
        search = searching(
            record, validation, folder, of=baseline, technique=technique, tolerance=tolerance
        )
        return search.conclude(search.most_saving([candidate]), "models")

    lost = last_drop(step_of("distill", heavy, baseline, 1.0).manifest)
    tolerance = lost * 1.01
    assert step_of("distill", heavy, baseline, tolerance).manifest.lineage[-1].status == "rejected"

    student = step_of("distill", light, baseline, tolerance)
    pruned = step_of("prune", heavy, student, tolerance)
    distilled, narrowed = pruned.manifest.lineage
    assert (distilled.status, narrowed.status) == ("applied", "applied")
    assert narrowed.parent_digest == student.digest
    assert narrowed.input_ms_per_answer == distilled.output_ms_per_answer
    assert last_drop(pruned.manifest) - last_drop(student.manifest) > tolerance / 2
    assert last_drop(pruned.manifest) <= tolerance


def last_drop(manifest: VariantManifest) -> float:
    """What the last step of a lineage lost against the baseline."""
    step: Step = manifest.lineage[-1]
    assert step.kept is not None
    assert step.kept.validation is not None
    assert np.isfinite(step.kept.validation.probability_drop)
    return step.kept.validation.probability_drop


def test_what_is_tried_beyond_the_search_has_to_fit_by_a_standard_error() -> None:
    figures = ValidationFigures(
        n=400,
        accuracy=0.9,
        reference_accuracy=0.9,
        accuracy_drop=0.0,
        probability_drop=0.003,
        probability_drop_se=0.004,
    )
    budget = Budget(0.005)
    assert budget.judge(figures, "label")[0]
    fits, reason = budget.judge(figures, "label", surely=True)
    assert not fits
    assert reason.endswith("beyond the limit of 0.50% with its standard error")
    assert Budget(0.007).judge(figures, "label", surely=True)[0]


def test_what_does_not_end_in_time_gives_way_to_what_is_smaller(
    baseline: Variant, validation: SplitFolder, folder: Path, tmp_path: Path
) -> None:
    trainings = Trainings(baseline)
    record = Record("distill", baseline, tmp_path / "out")
    search = searching(record, validation, folder, tolerance=2.0, minutes=60.0)
    large = trainings.candidate("large", [0, 1])

    def late(path: Path) -> Variant:
        require_time(float("inf"))
        return large.make(path)

    ladder = [
        trainings.candidate("small", [0]),
        replace(large, make=late),
        trainings.candidate("whole", [0, 1, 2]),
    ]
    with ending_by(0.0), pytest.raises(LateError):
        require_time(1.0)
    kept = search.most_saving(ladder)
    assert kept is not None
    assert kept.name == "small"
    assert trainings.made == ["small"], "what is larger takes longer"
    assert "minutes more, and the plan leaves 60.0" in record.trials[0].reason
    assert [trial.fits for trial in record.trials] == [False, True]


def test_without_time_nothing_is_trained(
    baseline: Variant, validation: SplitFolder, folder: Path, tmp_path: Path
) -> None:
    trainings = Trainings(baseline)
    record = Record("distill", baseline, tmp_path / "out")
    search = searching(record, validation, folder, tolerance=2.0, minutes=1e-6)
    kept = search.most_saving([trainings.candidate(name, [0]) for name in ("a", "b", "c")])
    passed = search.conclude(kept, "students")
    assert trainings.made == []
    (step,) = passed.manifest.lineage
    assert step.status == "rejected"
    assert "it would take 0.0 minutes more, and the plan leaves 0.0" in step.reason
