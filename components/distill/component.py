"""Distill: a smaller student learns the teacher's answers."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("torch"), install_kfp_package=False)
def distill(
    teacher: Input[Model],
    train: Input[Dataset],
    validation: Input[Dataset],
    unlabelled: Input[Dataset],
    plan: Input[Artifact],
    student: Output[Model],
    answers: Output[Dataset],
    pretrained: Input[Model] = None,
    seed: int = 0,
    checkpoints: str = "",
) -> None:
    """Train a smaller student within half the tolerance, or pass the teacher through.

    Args:
        teacher: The variant to learn from.
        train: Rows whose text the teacher answers; labels count where the plan says so.
        validation: Rows on which the student is held against the teacher.
        unlabelled: Further text for the teacher to answer, possibly none.
        plan: The plan with the students to try.
        pretrained: A checkpoint to train into a student, as resolve brought it; may be left out.
        seed: Seed of the training.
        checkpoints: Folder that outlives the task, so that a killed one goes on; may be empty.

    Returns:
        student: The student, or the teacher unchanged with the reason in its lineage.
        answers: The teacher's answers to every row, for the techniques that follow.
    """
    import os
    from pathlib import Path

    from leanstage.contracts import Plan
    from leanstage.distill.step import distill
    from leanstage.progress import stage
    from leanstage.tasks import open_split
    from leanstage.techniques.checkpoints import CHECKPOINTS_VARIABLE
    from leanstage.variant import open_variant
    from leanstage.variant.student import open_student

    if checkpoints:
        os.environ[CHECKPOINTS_VARIABLE] = checkpoints
    with stage("distill"):
        given = pretrained is not None and open_student(Path(pretrained.path)) is not None
        distill(
            open_variant(teacher.path),
            train=open_split(train.path),
            validation=open_split(validation.path),
            unlabelled=open_split(unlabelled.path),
            plan=Plan.load(plan.path),
            target=Path(student.path),
            answers_file=Path(answers.path),
            student=Path(pretrained.path) if given else None,
            seed=seed,
        )
