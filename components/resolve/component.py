"""Resolve: check and pin everything a run needs."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("torch"), install_kfp_package=False)
def resolve(
    model: str,
    baseline: Output[Model],
    train: Output[Dataset],
    validation: Output[Dataset],
    evaluation: Output[Dataset],
    unlabelled: Output[Dataset],
    production: Output[Dataset],
    pretrained: Output[Model],
    champion: Output[Model],
    context: Output[Artifact],
    train_data: str = "",
    evaluation_data: str = "",
    validation_data: str = "",
    unlabelled_data: str = "",
    production_data: str = "",
    student: str = "",
    policy: str = "",
    name: str = "",
    hardware: str = "auto",
    deploy: str = "optimized",
    request: str = "",
) -> None:
    """Check the model, the data and the policy; write them pinned; open the MLflow run.

    Args:
        model: Folder, models:/name/1, models:/name@alias, hf://org/name@commit or s3://... of a
            sequence-classification checkpoint in safetensors.
        train_data: Path or URI of the training rows (JSON Lines or parquet: text, label); empty
            takes what the policy names, as for all data.
        evaluation_data: Path or URI of the rows that the gate judges on.
        validation_data: Rows on which settings are chosen; empty holds some training rows out.
        unlabelled_data: Further text to distill on; may be empty.
        production_data: A sample of what production asks, text without labels; may be empty.
        student: Pretrained checkpoint to distill into, by a URI like that of the model; may be
            empty.
        policy: Path or URI of a ModelPolicy in YAML, or a preset (default, strict, lenient). Where
            the installation keeps policies itself, leave it empty: another one is refused.
        name: Registered model; empty takes the name that the model goes by.
        hardware: Profile of what serves the model, by name, path or URI; "auto" is the one that the
            policy names, or this machine where there is no cluster.
        deploy: "optimized", or "baseline" where a justification is logged.
        request: What the starter calls this run; the MLflow run carries it as a tag.

    Returns:
        baseline: The model as a variant, with its content digest.
        train: Training rows.
        validation: Validation rows.
        evaluation: Evaluation rows.
        unlabelled: Unlabelled rows, half of the production sample among them; possibly none.
        production: The other half of the production sample, for evaluate; possibly none.
        pretrained: The student's files, checked; a marker where there is none.
        champion: The model that serves at present; a marker where there is none.
        context: The run, its policy and what was pinned (RunContext).
    """
    from pathlib import Path

    from leanstage.progress import stage
    from leanstage.resolve import Request, Targets, resolve

    with stage("resolve"):
        resolve(
            Request(
                model=model,
                train=train_data,
                evaluation=evaluation_data,
                validation=validation_data,
                unlabelled=unlabelled_data,
                production=production_data,
                student=student,
                policy=policy,
                name=name,
                deploy=deploy,
                hardware=hardware,
                request=request,
            ),
            Targets(
                baseline=Path(baseline.path),
                train=Path(train.path),
                validation=Path(validation.path),
                evaluation=Path(evaluation.path),
                unlabelled=Path(unlabelled.path),
                production=Path(production.path),
                pretrained=Path(pretrained.path),
                champion=Path(champion.path),
                context=Path(context.path),
            ),
        )
