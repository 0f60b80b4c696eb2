"""Gate: the verdict."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Metrics, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("control"), install_kfp_package=False)
def gate(
    context: Input[Artifact],
    plan: Input[Artifact],
    baseline: Input[Model],
    optimized: Input[Model],
    optimized_evaluation: Input[Artifact],
    optimized_energy: Input[Artifact],
    fallback: Input[Model],
    fallback_evaluation: Input[Artifact],
    fallback_energy: Input[Artifact],
    decision: Output[Artifact],
    metrics: Output[Metrics],
) -> str:
    """Judge the candidates in order and keep evidence, decision and model card in MLflow.

    A policy that is not met never fails this task: the decision says BLOCKED and why.

    Args:
        context: The run's context with its policy.
        plan: The plan.
        baseline: The unoptimized model.
        optimized: First candidate: every technique applied.
        optimized_evaluation: Its evaluation against the baseline.
        optimized_energy: Its energy against the baseline.
        fallback: Second candidate: quantized only.
        fallback_evaluation: Its evaluation against the baseline.
        fallback_energy: Its energy against the baseline.

    Returns:
        decision: Verdict, reasons and what they rest on (Decision).
        metrics: Verdict, drop and saving, for the run view and the comparison of runs.
        Output: The verdict.
    """
    from leanstage.card import decision_card
    from leanstage.gate.dossier import dossier_of_files
    from leanstage.gate.headline import headline
    from leanstage.gate.keeping import keep
    from leanstage.gate.step import rule
    from leanstage.progress import output, stage

    with stage("gate"):
        dossier = dossier_of_files(
            context=context.path,
            plan=plan.path,
            baseline=baseline.path,
            optimized=(optimized.path, optimized_evaluation.path, optimized_energy.path),
            fallback=(fallback.path, fallback_evaluation.path, fallback_energy.path),
        )
        keep(dossier)
        ruling = rule(dossier, decision_card)
        output("decision", ruling.save(decision.path))
        for name, value in headline(ruling).items():
            metrics.log_metric(name, value)
    return ruling.verdict
