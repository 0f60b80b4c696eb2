"""Prune: smaller in every layer alike, recovered by distillation."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("torch"), install_kfp_package=False)
def prune(
    model: Input[Model],
    teacher: Input[Model],
    answers: Input[Dataset],
    validation: Input[Dataset],
    plan: Input[Artifact],
    pruned: Output[Model],
    seed: int = 0,
    checkpoints: str = "",
    ratio: float = 0.0,
) -> None:
    """Remove width, heads or layers within the tolerance, or pass the model through.

    Args:
        model: The variant to prune.
        teacher: The baseline, on whose answers the pruned model recovers.
        answers: Its answers to the rows of the run, as distill wrote them.
        validation: Rows on which the pruned model is held against the baseline.
        plan: The plan with the ratios to try.
        seed: Seed of the recovery.
        checkpoints: Folder that outlives the task, so that a killed one goes on; may be empty.
        ratio: Share to remove instead of those of the plan; 0 tries the plan's.

    Returns:
        pruned: The pruned model, or the input unchanged with the reason in its lineage.
    """
    import os
    from pathlib import Path

    from leanstage.contracts import Plan
    from leanstage.progress import stage
    from leanstage.prune.step import prune
    from leanstage.tasks import open_split
    from leanstage.techniques.answers import load_answers
    from leanstage.techniques.checkpoints import CHECKPOINTS_VARIABLE
    from leanstage.variant import open_variant

    if checkpoints:
        os.environ[CHECKPOINTS_VARIABLE] = checkpoints
    with stage("prune"):
        prune(
            open_variant(model.path),
            answers=load_answers(Path(answers.path), open_variant(teacher.path)),
            validation=open_split(validation.path),
            plan=Plan.load(plan.path),
            target=Path(pruned.path),
            seed=seed,
            ratio=ratio or None,
        )
