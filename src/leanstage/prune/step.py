"""The prune step: the narrowest model that the validation split lets pass."""

import copy
import tempfile
import time
from pathlib import Path
from typing import Any

from leanstage import progress
from leanstage.contracts import Plan, PruneSettings, Step, Trial
from leanstage.prune.importance import neuron_importance
from leanstage.prune.width import prune_width, pruned_width
from leanstage.tasks import SplitFolder
from leanstage.techniques.answers import Answers
from leanstage.techniques.data import TaughtRows
from leanstage.techniques.search import (
    Budget,
    compare,
    save_checkpoint,
    tried,
)
from leanstage.techniques.training import train_student
from leanstage.variant import Variant, pass_through, with_lineage
from leanstage.variant.architectures import encoder_of
from leanstage.variant.checkpoint import load_checkpoint


def prune(
    model: Variant,
    *,
    answers: Answers,
    validation: SplitFolder,
    plan: Plan,
    target: Path,
    seed: int = 0,
) -> Variant:
    """Write the pruned model to ``target``, or the input unchanged with the reason why.

    Ratios are tried from the largest on. What pruning breaks is recovered on the ``answers`` of
    the line's baseline, against which the drop on the validation split counts.
    """
    started = time.monotonic()
    settings = plan.prune

    def step(status: str, reason: str, trials: list[Trial], chosen: dict[str, object]) -> Step:
        return Step(
            technique="prune",
            status=status,  # type: ignore[arg-type]
            reason=reason,
            settings=chosen,
            trials=tuple(trials),
            parent_digest=model.digest,
            seconds=time.monotonic() - started,
        )

    if not settings.ratios:
        return pass_through(model, target, step("skipped", "the plan says no", [], {}))

    if answers.taught is None:
        reason = "there is no text to recover on"
        return pass_through(model, target, step("skipped", reason, [], {}))
    budget = Budget.of("prune", plan.tolerance)
    trials: list[Trial] = []
    unpruned = load_checkpoint(model.path, attention="eager").float()
    encoder = encoder_of(unpruned.config.model_type, where=str(model.path))
    width = getattr(unpruned.config, encoder.width_key)
    progress.step("asking which neurons the answers depend on")
    importance = neuron_importance(unpruned, answers.taught)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        for ratio in settings.ratios:
            narrower = pruned_width(width, ratio)
            if narrower >= width:
                continue
            pruned = copy.deepcopy(unpruned)
            prune_width(pruned, ratio, importance)
            _recover(pruned, answers.taught, settings, seed, narrower)
            chosen = {"width": narrower, "of": width, **settings.model_dump(exclude={"ratios"})}
            variant = save_checkpoint(pruned, model, Path(scratch) / "pruned")
            figures = compare(variant, answers.validation, validation)
            fits, reason = budget.judge(figures)
            trials.append(
                tried(variant.manifest, fits, reason, settings=chosen, validation=figures)
            )
            progress.step(f"feed-forward width {narrower}: {reason}")
            if fits:
                reason = f"feed-forward width {narrower} of {width}; {reason}"
                applied = step("applied", reason, trials, chosen)
                return with_lineage(variant, target, (*model.manifest.lineage, applied))
    if not trials:
        reason = f"a feed-forward width of {width} leaves nothing to remove"
        return pass_through(model, target, step("skipped", reason, [], {}))
    reason = f"none of {len(trials)} widths stayed within the limit of {budget.limit:.2%}"
    return pass_through(model, target, step("rejected", reason, trials, {}))


def _recover(pruned: Any, rows: TaughtRows, settings: PruneSettings, seed: int, width: int) -> None:
    train_student(
        pruned,
        rows,
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        batch_size=settings.batch_size,
        temperature=settings.temperature,
        hidden_weight=0.0,
        seed=seed,
        message=f"recovering at feed-forward width {width}",
    )
