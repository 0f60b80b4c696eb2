"""The distill step: the shallowest student that the validation split lets pass."""

import tempfile
from pathlib import Path

from leanstage import progress
from leanstage.contracts import Plan
from leanstage.distill.student import layers_to_keep, shallow_student
from leanstage.tasks import SplitFolder
from leanstage.techniques.answers import ask
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.record import Record
from leanstage.techniques.search import Budget, compare, save_checkpoint, tried
from leanstage.techniques.training import train_student
from leanstage.variant import Variant
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

    Depths are tried in the order of the plan, each trained on the teacher's answers to the
    training and unlabelled rows; the first that stays within half the tolerance is kept. The
    answers go to ``answers_file``, for the techniques that follow.
    """
    record = Record("distill", teacher, target)
    settings = plan.distill
    learns = bool(settings.depths or plan.prune.ratios)
    answers = ask(
        teacher,
        validation=validation,
        train=train if learns else None,
        unlabelled=unlabelled if learns else None,
    )
    answers.save(answers_file)
    record.input_cpu_ms_per_answer = answers.cpu_ms_per_answer
    if not settings.depths:
        return record.skipped("the plan says no")
    if answers.taught is None:
        return record.skipped("there is no text to learn from")

    budget = Budget.of("distill", plan.tolerance)
    model = load_checkpoint(teacher.path, attention="eager")
    total = len(layers_of(model))
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        for depth in settings.depths:
            keep = layers_to_keep(total, depth)
            if len(keep) >= total:
                continue
            message = f"training a student of {len(keep)} layers"
            recipe = Recipe.of(settings, seed=seed, message=message)
            chosen = {"layers": keep, "of": total, **recipe.described()}
            student = shallow_student(model, keep)
            train_student(student, answers.taught, recipe)
            variant = save_checkpoint(student, teacher, Path(scratch) / "student")
            figures, cost = compare(variant, answers.validation, validation)
            fits, reason = budget.judge(figures)
            measured = {"validation": figures, "cpu_ms_per_answer": cost}
            record.trials.append(tried(variant.manifest, fits, reason, settings=chosen, **measured))
            progress.step(f"student of {len(keep)} layers: {reason}")
            if fits:
                return record.applied(variant, f"{len(keep)} of {total} layers; {reason}", chosen)
    if not record.trials:
        return record.skipped(f"a model of {total} layers leaves none to drop")
    return record.rejected(
        f"none of {len(record.trials)} students stayed within the limit of {budget.limit:.2%}"
    )
