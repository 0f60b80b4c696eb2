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
        context: The run's context, for its hardware, its policy (the tolerance, and what the model
            is asked in production), and how many rows the gate will judge on.

    Returns:
        plan: The path through the tree and the settings it ended in (Plan).
    """
    from pathlib import Path

    from leanstage.contracts import RunContext
    from leanstage.gate import accuracy_test
    from leanstage.gate.policies import tree_override
    from leanstage.plan import Load, load_tree, make_plan
    from leanstage.progress import stage
    from leanstage.tasks import open_split
    from leanstage.variant import open_variant

    with stage("plan"):
        run = RunContext.load(context.path)
        policy = run.policy
        make_plan(
            Path(baseline.path),
            baseline_digest=open_variant(baseline.path).digest,
            train_rows=open_split(train.path).info.n,
            unlabelled_rows=open_split(unlabelled.path).info.n,
            tolerance=policy.tolerance,
            hardware=run.hardware,
            load=Load(policy.batch_size, policy.request_rate, policy.serving),
            tree=load_tree(tree_override()),
            student=run.student is not None,
            accuracy_test=accuracy_test(policy, run.evaluation.n),
        ).save(plan.path)
