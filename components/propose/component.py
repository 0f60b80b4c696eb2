"""Propose: candidates for a gate that decides elsewhere."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Model

from leanstage.components._image import image


@dsl.component(base_image=image("control"), install_kfp_package=False)
def propose(
    context: Input[Artifact],
    plan: Input[Artifact],
    optimized: Input[Model],
    fallback: Input[Model],
) -> str:
    """Keep both candidates and their digests in MLflow; decide nothing.

    Args:
        context: The run's context.
        plan: The plan.
        optimized: First candidate: every technique applied.
        fallback: Second candidate: quantized only.

    Returns:
        Output: The MLflow run that holds the proposal; `decide` takes it.
    """
    from pathlib import Path

    from leanstage.gate.keeping import propose
    from leanstage.progress import stage

    with stage("propose"):
        return propose(
            Path(context.path),
            Path(plan.path),
            {"optimized": Path(optimized.path), "fallback": Path(fallback.path)},
        )
