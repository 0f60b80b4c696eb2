"""Promote: the decided bytes become the champion."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("control"), install_kfp_package=False)
def promote(
    context: Input[Artifact],
    decision: Input[Artifact],
    baseline: Input[Model],
    optimized: Input[Model],
    fallback: Input[Model],
    promoted: Output[Model],
) -> None:
    """Store the decided variant, register it and point the alias ``champion`` at it.

    Fails where the decision is BLOCKED, so that the run is red; decision and report exist.

    Args:
        context: The run's context.
        decision: The gate's decision; it is checked against the one kept in MLflow.
        baseline: The unoptimized model.
        optimized: First candidate.
        fallback: Second candidate.

    Returns:
        promoted: The promoted variant.
    """
    from pathlib import Path

    from leanstage.contracts import Decision, RunContext
    from leanstage.gate.promotion import promote
    from leanstage.progress import stage

    with stage("promote"):
        promote(
            RunContext.load(context.path),
            Decision.load(decision.path),
            variants={
                "baseline": Path(baseline.path),
                "optimized": Path(optimized.path),
                "fallback": Path(fallback.path),
            },
            target=Path(promoted.path),
        )
