"""The distill step: the shallowest student that the validation split lets pass."""

import tempfile
import time
from pathlib import Path

from leanstage import progress
from leanstage.contracts import DistillSettings, Plan, Step, Trial
from leanstage.distill.student import layers_to_keep, shallow_student
from leanstage.tasks import SplitFolder
from leanstage.techniques.answers import ask
from leanstage.techniques.data import TaughtRows
from leanstage.techniques.search import (
    Budget,
    compare,
    save_checkpoint,
    tried,
)
from leanstage.techniques.training import train_student
from leanstage.variant import Variant, pass_through, with_lineage
from leanstage.variant.architectures import layers_of
from leanstage.variant.checkpoint import load_checkpoint


def distill(
    teacher: Variant,
    *,
    train: SplitFolder,
    unlabelled: SplitFolder,
    validation: SplitFolder,
    plan: Plan,
    target: Path,
    answers_file: Path,
    seed: int = 0,
) -> Variant:
    """Write the student to ``target``, or the teacher unchanged with the reason why.

    Depths are tried from the shallowest on, each trained on the teacher's answers to the training
    and unlabelled rows; the first that stays within half the tolerance is kept. The answers go to
    ``answers_file``, for the techniques that follow.
    """
    started = time.monotonic()
    settings = plan.distill

    def step(status: str, reason: str, trials: list[Trial], chosen: dict[str, object]) -> Step:
        return Step(
            technique="distill",
            status=status,  # type: ignore[arg-type]
            reason=reason,
            settings=chosen,
            trials=tuple(trials),
            parent_digest=teacher.digest,
            seconds=time.monotonic() - started,
        )

    learns = bool(settings.depths or plan.prune.ratios)
    answers = ask(
        teacher,
        validation=validation,
        train=train if learns else None,
        unlabelled=unlabelled if learns else None,
    )
    answers.save(answers_file)
    if not settings.depths:
        return pass_through(teacher, target, step("skipped", "the plan says no", [], {}))
    if answers.taught is None:
        reason = "there is no text to learn from"
        return pass_through(teacher, target, step("skipped", reason, [], {}))

    budget = Budget.of("distill", plan.tolerance)
    trials: list[Trial] = []
    model = load_checkpoint(teacher.path, attention="eager")
    total = len(layers_of(model))
    for depth in settings.depths:
        keep = layers_to_keep(total, depth)
        if len(keep) >= total:
            continue
        chosen = {"layers": keep, "of": total, **settings.model_dump(exclude={"depths"})}
        student = _train(model, keep, answers.taught, settings, seed)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            variant = save_checkpoint(student, teacher, Path(scratch) / "student")
            figures = compare(variant, answers.validation, validation)
            fits, reason = budget.judge(figures)
            trials.append(
                tried(variant.manifest, fits, reason, settings=chosen, validation=figures)
            )
            progress.step(f"student of {len(keep)} layers: {reason}")
            if fits:
                reason = f"{len(keep)} of {total} layers; {reason}"
                applied = step("applied", reason, trials, chosen)
                return with_lineage(variant, target, (*teacher.manifest.lineage, applied))
    if not trials:
        reason = f"a model of {total} layers leaves none to drop"
        return pass_through(teacher, target, step("skipped", reason, [], {}))
    reason = f"none of {len(trials)} students stayed within the limit of {budget.limit:.2%}"
    return pass_through(teacher, target, step("rejected", reason, trials, {}))


def _train(
    model: object, keep: list[int], rows: TaughtRows, settings: DistillSettings, seed: int
) -> object:
    student = shallow_student(model, keep)
    train_student(
        student,
        rows,
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        batch_size=settings.batch_size,
        temperature=settings.temperature,
        hidden_weight=settings.hidden_weight,
        seed=seed,
        message=f"training a student of {len(keep)} layers",
    )
    return student
