"""The resolve step: model, data and policy, refused early or pinned for good."""

import fnmatch
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from leanstage import progress
from leanstage.contracts import Deploy, ModelPolicy, ModelVersion, RunContext
from leanstage.errors import InputError
from leanstage.gate.policy import load_policy
from leanstage.registry.client import RUNS_EXPERIMENT
from leanstage.registry.runs import start_run
from leanstage.registry.sources import Source, fetch_model
from leanstage.registry.versions import find_by_digest, register
from leanstage.resolve.canary import check_baseline
from leanstage.tasks import Examples, write_split
from leanstage.tasks.splits import (
    check_training,
    hold_out,
    overlap,
    read_labelled,
    read_unlabelled,
)
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt

SEED = 20
EVALUATION_SHARE = 1 / 3
"""Share of the evaluation rows to choose settings on where the user brings no validation rows."""
TRAIN_SHARE = 0.12
"""Share of the training rows for the same, where the gate needs every evaluation row."""


@dataclass(frozen=True)
class Request:
    """What the user asked for; every field is a URI, a name, or empty."""

    model: str
    train: str
    evaluation: str
    validation: str = ""
    unlabelled: str = ""
    policy: str = ""
    name: str = ""
    deploy: str = "optimized"


@dataclass(frozen=True)
class Targets:
    """Where the pinned inputs go."""

    baseline: Path
    train: Path
    validation: Path
    evaluation: Path
    unlabelled: Path
    context: Path


@dataclass(frozen=True)
class _Splits:
    train: Examples
    validation: Examples
    evaluation: Examples
    unlabelled: Examples


def resolve(request: Request, targets: Targets) -> RunContext:
    """Check everything, write the pinned inputs, register the baseline, open the MLflow run.

    MLflow is written to last: a refused request leaves no run and no version behind.

    Raises:
        InputError: something in the request cannot be used.
    """
    deploy = _deploy(request.deploy)
    policy = load_policy(request.policy)
    with tempfile.TemporaryDirectory(prefix="leanstage-model-") as scratch:
        progress.step("fetching the model")
        folder, source = fetch_model(request.model, Path(scratch) / "model")
        progress.step("checking the model")
        baseline = adopt(folder, targets.baseline)
    name = _model_name(request, source)
    if not any(fnmatch.fnmatchcase(name, pattern) for pattern in policy.models):
        raise InputError(
            f"the policy {policy.name!r} covers {', '.join(policy.models)}, not {name!r}; use the "
            "policy that was made for this model."
        )
    progress.step("checking the data")
    splits = _read_splits(request, baseline.manifest.labels, policy)
    leaked = _leaked(splits.evaluation, splits.train, f"the training split {request.train}", policy)
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
            targets.unlabelled, splits.unlabelled, split="unlabelled", labels=()
        ),
    }
    expected = policy.evaluation_sha256
    if expected is not None and infos["evaluation"].rows_sha256 != expected:
        raise InputError(
            f"{request.evaluation} is not the evaluation data of the policy {policy.name!r}: its "
            f"rows hash to {infos['evaluation'].rows_sha256}, the policy names {expected}."
        )
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
                "evaluation_sha256": infos["evaluation"].rows_sha256,
            },
        ),
        source=version,
        pinned_model=source.pinned,
        baseline_digest=baseline.digest,
        deploy=deploy,
        policy=policy,
        train=infos["train"],
        validation=infos["validation"],
        evaluation=infos["evaluation"],
        unlabelled=infos["unlabelled"],
    )
    progress.output("run_id", context.run_id)
    context.save(targets.context)
    return context


def _read_splits(request: Request, labels: tuple[str, ...], policy: ModelPolicy) -> _Splits:
    evaluation = read_labelled(request.evaluation, labels, split="evaluation")
    train = read_labelled(request.train, labels, split="train")
    check_training(train, labels)
    if request.validation:
        validation = read_labelled(request.validation, labels, split="validation")
    elif _can_spare(evaluation, policy):
        # The model has not seen these rows, as it may have seen any training row.
        evaluation, validation = hold_out(evaluation, share=EVALUATION_SHARE, seed=SEED)
    else:
        train, validation = hold_out(train, share=TRAIN_SHARE, seed=SEED)
        progress.step(
            "validation rows are held out of the training data; if the model was trained on them, "
            "every technique will look worse than it is: pass validation rows"
        )
    if not len(validation):
        raise InputError(
            f"{request.train} is too small to hold out validation rows; pass a validation split."
        )
    _leaked(evaluation, validation, "the validation rows, on which settings are chosen", policy)
    unlabelled = (
        read_unlabelled(request.unlabelled) if request.unlabelled else Examples([], [], "none")
    )
    _leaked(evaluation, unlabelled, f"the unlabelled text {request.unlabelled}", policy)
    return _Splits(train, validation, evaluation, unlabelled)


def _leaked(evaluation: Examples, other: Examples, where: str, policy: ModelPolicy) -> int:
    """Evaluation rows that also stand elsewhere in the run; refused unless the policy allows it."""
    leaked = overlap(evaluation, other)
    if leaked and not policy.allow_overlap:
        raise InputError(
            f"{leaked} of {len(evaluation)} evaluation rows in {evaluation.source} also stand in "
            f"{where}; remove them, or accept them with allow_overlap in the policy."
        )
    return leaked


def _can_spare(evaluation: Examples, policy: ModelPolicy) -> bool:
    """Whether the gate can do with fewer rows: never where the policy pins them."""
    left = len(evaluation) * (1 - EVALUATION_SHARE)
    return policy.evaluation_sha256 is None and left >= 3 * policy.min_n


def _register_baseline(baseline: Variant, name: str, source: Source) -> ModelVersion:
    """The baseline as a registered version: decisions and justifications bind to one."""
    known = find_by_digest(name, baseline.digest)
    if known is not None:
        return known
    return register(
        baseline,
        name,
        experiment=RUNS_EXPERIMENT,
        run_id=None,
        tags={"leanstage.role": "baseline", "leanstage.source": source.pinned},
    )


def _deploy(value: str) -> Deploy:
    if value == "optimized":
        return "optimized"
    if value == "baseline":
        return "baseline"
    raise InputError(f"{value!r} cannot be deployed; ask for 'optimized' or 'baseline'.")


def _model_name(request: Request, source: Source) -> str:
    """The registered model: as asked, as MLflow knows it, or after the last part of the URI."""
    if source.version is not None:
        if request.name and request.name != source.version.name:
            raise InputError(
                f"{request.model} is a version of {source.version.name!r}, not of "
                f"{request.name!r}; leave the name out."
            )
        return source.version.name
    name = request.name or Path(urlsplit(source.pinned).path.rstrip("/")).name.partition("@")[0]
    if not re.fullmatch(r"[\w .-]+", name):
        raise InputError(
            f"{name!r} cannot name a registered model; pass a name of letters, digits, '.', '_' "
            "and '-'."
        )
    return name
