"""Prune: narrower feed-forward layers, recovered by distillation."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("torch"), install_kfp_package=False)
def prune(
    model: Input[Model],
    teacher: Input[Model],
    train: Input[Dataset],
    validation: Input[Dataset],
    unlabelled: Input[Dataset],
    plan: Input[Artifact],
    pruned: Output[Model],
    seed: int = 0,
) -> None:
    """Remove feed-forward width within half the tolerance, or pass the model through.

    Args:
        model: The variant to prune.
        teacher: The variant whose answers the pruned model recovers on.
        train: Rows whose text the teacher answers; their labels are not used.
        validation: Rows on which the pruned model is held against the unpruned one.
        unlabelled: Further text for the teacher to answer, possibly none.
        plan: The plan with the ratios to try.
        seed: Seed of the recovery.

    Returns:
        pruned: The pruned model, or the input unchanged with the reason in its lineage.
    """
    from pathlib import Path

    from leanstage.contracts import Plan
    from leanstage.progress import stage
    from leanstage.prune.step import prune
    from leanstage.tasks import open_split
    from leanstage.variant import open_variant

    with stage("prune"):
        prune(
            open_variant(model.path),
            teacher=open_variant(teacher.path),
            train=open_split(train.path),
            validation=open_split(validation.path),
            unlabelled=open_split(unlabelled.path),
            plan=Plan.load(plan.path),
            target=Path(pruned.path),
            seed=seed,
        )
