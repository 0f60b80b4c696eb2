"""Recall: the evidence of an earlier run, as its gate saw it."""

from kfp import dsl
from kfp.dsl import Artifact, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("torch"), install_kfp_package=False)
def recall(
    run_id: str,
    context: Output[Artifact],
    plan: Output[Artifact],
    baseline: Output[Model],
    optimized: Output[Model],
    optimized_evaluation: Output[Artifact],
    optimized_energy: Output[Artifact],
    fallback: Output[Model],
    fallback_evaluation: Output[Artifact],
    fallback_energy: Output[Artifact],
) -> None:
    """Bring back what a run kept in MLflow, to judge it again.

    Evidence that is not what the gate signed at the time is refused.

    Args:
        run_id: MLflow run of an earlier pipeline run.

    Returns:
        context: The run's context with its policy.
        plan: The plan.
        baseline: The unoptimized model, from the registry.
        optimized: First candidate.
        optimized_evaluation: Its evaluation.
        optimized_energy: Its energy.
        fallback: Second candidate.
        fallback_evaluation: Its evaluation.
        fallback_energy: Its energy.
    """
    from leanstage.gate.dossier import dossier_of_files
    from leanstage.gate.keeping import recall
    from leanstage.gate.record import require_signed
    from leanstage.progress import stage

    with stage("recall"):
        dossier = dossier_of_files(
            context=context.path,
            plan=plan.path,
            baseline=baseline.path,
            optimized=(optimized.path, optimized_evaluation.path, optimized_energy.path),
            fallback=(fallback.path, fallback_evaluation.path, fallback_energy.path),
        )
        recall(run_id, dossier)
        require_signed(dossier)
