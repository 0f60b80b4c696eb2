"""The resolve step: model, data and policy, refused early or pinned for good."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from leanstage import progress
from leanstage.calibrate import hardware_of
from leanstage.contracts import ModelVersion, RunContext
from leanstage.gate.policies import load_policy
from leanstage.registry.client import runs_experiment
from leanstage.registry.runs import start_run
from leanstage.registry.sources import Source, fetch_model
from leanstage.registry.versions import find_by_digest, register
from leanstage.resolve.canary import check_baseline
from leanstage.resolve.champion import pin_champion
from leanstage.resolve.data import leaked_rows, read_splits, require_named_rows, without
from leanstage.resolve.production import joined, read_production, unlearnt
from leanstage.resolve.request import Request, agreed, deploy_of, model_name, policy_of
from leanstage.resolve.student import pin_student
from leanstage.tasks import write_split
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt


@dataclass(frozen=True)
class Targets:
    """Where the pinned inputs go."""

    baseline: Path
    train: Path
    validation: Path
    evaluation: Path
    unlabelled: Path
    production: Path
    pretrained: Path
    champion: Path
    context: Path


def resolve(request: Request, targets: Targets) -> RunContext:
    """Check everything, write the pinned inputs, register the baseline, open the MLflow run.

    MLflow is written to last: a refused request leaves no run and no version behind.

    Raises:
        InputError: something in the request cannot be used.
    """
    deploy = deploy_of(request.deploy)
    stated = load_policy(request.policy) if request.policy else None
    with tempfile.TemporaryDirectory(prefix="leanstage-model-") as scratch:
        progress.step("fetching the model")
        folder, source = fetch_model(request.model, Path(scratch) / "model")
        progress.step("checking the model")
        baseline = adopt(folder, targets.baseline)
    name = model_name(request, source)
    policy = policy_of(name, stated)
    request = agreed(request, policy)
    hardware = hardware_of(request.hardware)
    progress.step("checking the data")
    splits = read_splits(request, baseline.manifest.labels, policy)
    leaked = leaked_rows(
        splits.evaluation, splits.train, f"the training split {splits.train.source}", policy
    )
    student = pin_student(
        request.student, targets.pretrained, teacher=baseline, texts=splits.train.texts
    )
    learn, check = read_production(request.production)
    for half in (learn, check):
        where = f"the production sample {half.source}"
        leaked_rows(splits.evaluation, half, where, policy)
    learn = without(learn, splits.validation)
    check = unlearnt(check, splits.train, splits.validation, splits.unlabelled)
    progress.step("asking the baseline a few questions")
    check_baseline(baseline, splits.validation)
    labels = baseline.manifest.labels
    infos = {
        "train": write_split(targets.train, splits.train, split="train", labels=labels),
        "validation": write_split(
            targets.validation, splits.validation, split="validation", labels=labels
        ),
        "evaluation": write_split(
            targets.evaluation,
            splits.evaluation,
            split="evaluation",
            labels=labels,
            overlap_with_train=leaked,
        ),
        "unlabelled": write_split(
            targets.unlabelled, joined(splits.unlabelled, learn), split="unlabelled", labels=()
        ),
        "production": write_split(targets.production, check, split="production", labels=()),
    }
    require_named_rows(infos["evaluation"], policy)
    champion = pin_champion(policy, name, labels, targets.champion)
    version = source.version or _register_baseline(baseline, name, source)
    context = RunContext(
        run_id=start_run(
            name,
            {
                "model": f"{version.name}/{version.version}",
                "baseline_digest": baseline.digest,
                "policy": policy.name,
                "policy_sha256": policy.sha256(),
                "deploy": deploy,
                "hardware": hardware.name or hardware.cpu,
                "evaluation_sha256": infos["evaluation"].rows_sha256,
            },
            request=request.request,
        ),
        source=version,
        pinned_model=source.pinned,
        baseline_digest=baseline.digest,
        champion=champion,
        deploy=deploy,
        policy=policy,
        hardware=hardware,
        train=infos["train"],
        validation=infos["validation"],
        evaluation=infos["evaluation"],
        unlabelled=infos["unlabelled"],
        production=infos["production"] if request.production else None,
        student=student,
    )
    progress.output("run_id", context.run_id)
    context.save(targets.context)
    return context


def _register_baseline(baseline: Variant, name: str, source: Source) -> ModelVersion:
    """The baseline as a registered version: decisions and justifications bind to one."""
    known = find_by_digest(name, baseline.digest)
    if known is not None:
        return known
    return register(
        baseline,
        name,
        experiment=runs_experiment(),
        run_id=None,
        tags={"leanstage.role": "baseline", "leanstage.source": source.pinned},
    )
