"""Promote: the decided bytes become the champion."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("control"), install_kfp_package=False)
def promote(
    decision: Input[Artifact],
    baseline: Input[Model],
    optimized: Input[Model],
    fallback: Input[Model],
    promoted: Output[Model],
) -> None:
    """Store the decided variant, register it, point the alias ``champion`` at it, and serve it.

    It serves where the policy names an InferenceService. If it does not come up there, what served
    before is put back and the task fails; the champion stays what was decided.

    Fails where the decision is BLOCKED, so that the run is red; decision and report exist.

    Args:
        decision: The gate's decision; it has to be the one that was signed and kept in MLflow.
        baseline: The unoptimized model.
        optimized: First candidate.
        fallback: Second candidate.

    Returns:
        promoted: The promoted variant, with its attestation.
    """
    from datetime import UTC, datetime
    from pathlib import Path

    from leanstage.contracts import Decision
    from leanstage.delivery.champion import deliver
    from leanstage.gate.attestation import trusted_keys
    from leanstage.gate.promotion import promote
    from leanstage.progress import stage

    with stage("promote"):
        version = promote(
            Decision.load(decision.path),
            variants={
                "baseline": Path(baseline.path),
                "optimized": Path(optimized.path),
                "fallback": Path(fallback.path),
            },
            target=Path(promoted.path),
        )
        deliver(version, trusted_keys(), datetime.now(UTC))
