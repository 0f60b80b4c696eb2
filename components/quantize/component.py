"""Quantize: the backend that measures cheapest on this machine."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("torch"), install_kfp_package=False)
def quantize(
    model: Input[Model],
    baseline: Input[Model],
    validation: Input[Dataset],
    plan: Input[Artifact],
    context: Input[Artifact],
    quantized: Output[Model],
    answers: Input[Dataset] = None,
    train: Input[Dataset] = None,
    stage_name: str = "quantize",
) -> None:
    """Build, measure and judge every backend of the plan; keep the cheapest that fits.

    Args:
        model: The variant to quantize.
        baseline: The variant that no form may fall behind by more than the tolerance.
        validation: Rows on which each form is held against the baseline, and timed.
        plan: The plan with the backends to measure.
        context: The run's context, for the batch size of production.
        answers: The baseline's answers, as distill wrote them; without them it is asked here.
        train: Rows whose text gives the ranges of static quantization, their labels unused;
            without them the forms that need ranges are not tried.
        stage_name: What the log calls this task, where a DAG holds several.

    Returns:
        quantized: The quantized form, or the input unchanged with the reason in its lineage.
    """
    from pathlib import Path

    from leanstage.contracts import Plan, RunContext
    from leanstage.progress import stage
    from leanstage.quantize.step import quantize
    from leanstage.tasks import open_split
    from leanstage.techniques.answers import ask, load_answers
    from leanstage.variant import open_variant

    with stage(stage_name):
        reference = open_variant(baseline.path)
        rows = open_split(validation.path)
        quantize(
            open_variant(model.path),
            answers=(
                load_answers(Path(answers.path), reference)
                if answers
                else ask(reference, validation=rows)
            ),
            validation=rows,
            plan=Plan.load(plan.path),
            batch_size=RunContext.load(context.path).policy.batch_size,
            target=Path(quantized.path),
            train=open_split(train.path) if train else None,
        )
