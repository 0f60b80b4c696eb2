"""Plan: walk the decision tree."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("control"), install_kfp_package=False)
def plan(
    baseline: Input[Model],
    train: Input[Dataset],
    unlabelled: Input[Dataset],
    context: Input[Artifact],
    plan: Output[Artifact],
) -> None:
    """Decide which techniques to try, with which settings, and why.

    Args:
        baseline: The variant to optimize.
        train: Training rows.
        unlabelled: Unlabelled rows.
        context: The run's context, for the tolerance of its policy.

    Returns:
        plan: The path through the tree and the settings it ended in (Plan).
    """
    from leanstage.contracts import RunContext
    from leanstage.plan import make_plan
    from leanstage.progress import stage
    from leanstage.tasks import open_split
    from leanstage.variant import open_variant
    from leanstage.variant.hardware import hardware_profile

    with stage("plan"):
        make_plan(
            open_variant(baseline.path),
            train_rows=open_split(train.path).info.n + open_split(unlabelled.path).info.n,
            tolerance=RunContext.load(context.path).policy.tolerance,
            hardware=hardware_profile(),
        ).save(plan.path)
