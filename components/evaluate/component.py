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
    champion: Input[Model] = None,
    train: Input[Dataset] = None,
    production: Input[Dataset] = None,
    stage_name: str = "evaluate",
) -> None:
    """Compare the accuracy of two variants row by row, each loaded from disk as it is served.

    Args:
        baseline: The variant to hold the candidate against.
        candidate: The variant to judge.
        evaluation: Labelled rows.
        context: The run's context, for the batch size of production.
        champion: The model that serves at present, to hold the candidate against as well.
        train: Training rows, to tell the sample of production from.
        production: A sample of what production asks, on which the two have to agree.
        stage_name: What the log calls this task, where a DAG holds several.

    Returns:
        figures: A folder with accuracies, paired tables, intervals, slices and flips (Evaluation),
            and every answer they rest on.
        metrics: The headline figures, for the run view.
        confusion: The candidate's confusion matrix, for the run view.
    """
    from pathlib import Path

    from leanstage.contracts import RunContext
    from leanstage.evaluate import evaluate
    from leanstage.progress import stage
    from leanstage.tasks import open_split
    from leanstage.variant import open_variant

    with stage(stage_name):
        reference = open_variant(baseline.path)
        pinned = RunContext.load(context.path)
        serving = champion is not None and pinned.champion is not None
        result = evaluate(
            reference,
            open_variant(candidate.path),
            open_split(evaluation.path),
            batch_size=pinned.policy.batch_size,
            target=Path(figures.path),
            champion=open_variant(champion.path) if serving else None,
            production=None if production is None else open_split(production.path),
            train=None if train is None else open_split(train.path),
        )
        metrics.log_metric("baseline_accuracy", result.baseline)
        metrics.log_metric("candidate_accuracy", result.candidate)
        metrics.log_metric("difference", result.difference)
        metrics.log_metric("agreement", result.agreement)
        if result.macro_f1 is not None:
            metrics.log_metric("candidate_macro_f1", result.macro_f1.candidate)
        if result.perplexity is not None:
            metrics.log_metric("baseline_perplexity", result.perplexity.baseline)
            metrics.log_metric("candidate_perplexity", result.perplexity.candidate)
        if result.production is not None:
            metrics.log_metric("agreement_in_production", result.production.agreement)
        if result.confusion:
            confusion.log_confusion_matrix(
                list(reference.manifest.labels), [list(row) for row in result.confusion]
            )
