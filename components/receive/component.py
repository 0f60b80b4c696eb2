"""Receive: a proposal enters the gate."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("torch"), install_kfp_package=False)
def receive(
    run_id: str,
    context: Output[Artifact],
    plan: Output[Artifact],
    baseline: Output[Model],
    train: Output[Dataset],
    evaluation: Output[Dataset],
    production: Output[Dataset],
    champion: Output[Model],
    optimized: Output[Model],
    fallback: Output[Model],
    request: str = "",
) -> None:
    """Take the candidates of a proposal, and everything else from where its author cannot write.

    Policy and data are the gate's own, the baseline comes from the registry, and every
    folder has to hash to the digest that was proposed.

    Args:
        run_id: MLflow run of the proposal.
        request: What the starter calls this run; the MLflow run carries it as a tag.

    Returns:
        context: The gate's own run, its policy and what was pinned (RunContext).
        plan: The plan of the proposal.
        baseline: The unoptimized model.
        train: The training rows that the policy names, none where it names none.
        evaluation: The evaluation rows that the policy names.
        production: Half of the production sample that the policy names; possibly none.
        champion: The model that serves at present; a marker where there is none.
        optimized: First candidate.
        fallback: Second candidate.
    """
    from pathlib import Path

    from leanstage.progress import stage
    from leanstage.resolve import ReceivedFiles, receive

    with stage("receive"):
        receive(
            run_id,
            ReceivedFiles(
                baseline=Path(baseline.path),
                train=Path(train.path),
                evaluation=Path(evaluation.path),
                production=Path(production.path),
                champion=Path(champion.path),
                context=Path(context.path),
                plan=Path(plan.path),
                candidates={"optimized": Path(optimized.path), "fallback": Path(fallback.path)},
            ),
            request=request,
        )
