"""Report: the decision and its evidence, for people."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Input, Markdown, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("control"), install_kfp_package=False)
def report(
    context: Input[Artifact],
    plan: Input[Artifact],
    decision: Input[Artifact],
    baseline: Input[Model],
    optimized: Input[Model],
    optimized_evaluation: Input[Artifact],
    optimized_energy: Input[Artifact],
    fallback: Input[Model],
    fallback_evaluation: Input[Artifact],
    fallback_energy: Input[Artifact],
    html: Output[HTML],
    markdown: Output[Markdown],
) -> None:
    """Write the comparison report and keep it in MLflow.

    Args:
        context: The run's context.
        plan: The plan.
        decision: The gate's decision.
        baseline: The unoptimized model.
        optimized: First candidate.
        optimized_evaluation: Its evaluation.
        optimized_energy: Its energy.
        fallback: Second candidate.
        fallback_evaluation: Its evaluation.
        fallback_energy: Its energy.

    Returns:
        html: The report as one self-contained page.
        markdown: The report in short.
    """
    from pathlib import Path

    from leanstage.contracts import Decision
    from leanstage.gate.dossier import dossier_of_files
    from leanstage.progress import stage
    from leanstage.report.step import write_report

    with stage("report"):
        write_report(
            dossier_of_files(
                context=context.path,
                plan=plan.path,
                baseline=baseline.path,
                optimized=(optimized.path, optimized_evaluation.path, optimized_energy.path),
                fallback=(fallback.path, fallback_evaluation.path, fallback_energy.path),
            ),
            Decision.load(decision.path),
            html=Path(html.path),
            markdown=Path(markdown.path),
        )
