"""The prune step: the narrowest model that the validation split lets pass."""

import copy
import tempfile
import time
from pathlib import Path

from leanstage import progress
from leanstage.contracts import Plan, Step, Trial
from leanstage.prune.width import prune_width, pruned_width
from leanstage.tasks import SplitFolder
from leanstage.techniques.data import teach
from leanstage.techniques.search import (
    Budget,
    compare,
    save_checkpoint,
    tried,
    validation_probabilities,
)
from leanstage.techniques.training import train_student
from leanstage.variant import Variant, pass_through, with_lineage
from leanstage.variant.architectures import encoder_of
from leanstage.variant.checkpoint import load_checkpoint


def prune(
    model: Variant,
    *,
    teacher: Variant,
    train: SplitFolder,
    unlabelled: SplitFolder,
    validation: SplitFolder,
    plan: Plan,
    target: Path,
    seed: int = 0,
) -> Variant:
    """Write the pruned model to ``target``, or the input unchanged with the reason why.

    Ratios are tried from the largest on. What pruning breaks is recovered by distillation from
    ``teacher``, the baseline of the line, against which the drop on the validation split counts.
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

    reference = validation_probabilities(teacher, validation)
    budget = Budget.of("prune", plan.tolerance)
    trials: list[Trial] = []
    unpruned = load_checkpoint(model.path, attention="eager").float()
    encoder = encoder_of(unpruned.config.model_type, where=str(model.path))
    width = getattr(unpruned.config, encoder.width_key)
    rows = teach(
        teacher,
        load_checkpoint(teacher.path, attention="eager"),
        [*train.texts, *unlabelled.texts],
    )
    for ratio in settings.ratios:
        narrower = pruned_width(width, ratio)
        if narrower >= width:
            continue
        chosen = {"width": narrower, "of": width, **settings.model_dump(exclude={"ratios"})}
        pruned = copy.deepcopy(unpruned)
        prune_width(pruned, ratio)
        train_student(
            pruned,
            rows,
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            batch_size=settings.batch_size,
            temperature=settings.temperature,
            hidden_weight=0.0,
            seed=seed,
            message=f"recovering at feed-forward width {narrower}",
        )
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            variant = save_checkpoint(pruned, model, Path(scratch) / "pruned")
            figures = compare(variant, reference, validation)
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
