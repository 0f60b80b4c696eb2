"""Evaluate: candidate and baseline answer the same rows."""

from kfp import dsl
from kfp.dsl import Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("torch"), install_kfp_package=False)
def evaluate(
    baseline: Input[Model],
    candidate: Input[Model],
    evaluation: Input[Dataset],
    context: Input[Artifact],
    figures: Output[Artifact],
    metrics: Output[Metrics],
    confusion: Output[ClassificationMetrics],
    stage_name: str = "evaluate",
) -> None:
    """Compare the accuracy of two variants row by row, each loaded from disk as it is served.

    Args:
        baseline: The variant to hold the candidate against.
        candidate: The variant to judge.
        evaluation: Labelled rows.
        context: The run's context, for the batch size of production.
        stage_name: What the log calls this task, where a DAG holds several.

    Returns:
        figures: Accuracies, the paired table, its interval and the flips (Evaluation).
        metrics: The headline figures, for the run view.
        confusion: The candidate's confusion matrix, for the run view.
    """
    from leanstage.contracts import RunContext
    from leanstage.evaluate import evaluate
    from leanstage.progress import stage
    from leanstage.tasks import open_split
    from leanstage.variant import open_variant

    with stage(stage_name):
        reference = open_variant(baseline.path)
        result = evaluate(
            reference,
            open_variant(candidate.path),
            open_split(evaluation.path),
            batch_size=RunContext.load(context.path).policy.batch_size,
        )
        result.save(figures.path)
        metrics.log_metric("baseline_accuracy", result.baseline)
        metrics.log_metric("candidate_accuracy", result.candidate)
        metrics.log_metric("difference", result.difference)
        metrics.log_metric("agreement", result.agreement)
        confusion.log_confusion_matrix(
            list(reference.manifest.labels), [list(row) for row in result.confusion]
        )
