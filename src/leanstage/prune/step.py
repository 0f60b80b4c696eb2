"""The prune step: the narrowest model that the validation split lets pass."""

import copy
import tempfile
from pathlib import Path
from typing import Any

from leanstage import progress
from leanstage.contracts import Plan
from leanstage.errors import InputError
from leanstage.prune.importance import neuron_importance
from leanstage.prune.width import prune_width, pruned_width
from leanstage.tasks import SplitFolder
from leanstage.techniques.answers import Answers
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.record import Record
from leanstage.techniques.search import Budget, compare, save_checkpoint, tried
from leanstage.techniques.training import train_student
from leanstage.variant import Variant
from leanstage.variant.architectures import family_of
from leanstage.variant.checkpoint import load_checkpoint


def prune(
    model: Variant,
    *,
    answers: Answers,
    validation: SplitFolder,
    plan: Plan,
    target: Path,
    seed: int = 0,
    ratio: float | None = None,
) -> Variant:
    """Write the pruned model to ``target``, or the input unchanged with the reason why.

    Ratios are tried in the order of the plan, or ``ratio`` alone where it is given. What pruning
    breaks is recovered on the ``answers`` of the line's baseline, against which the drop on the
    validation split counts.

    Raises:
        InputError: ``ratio`` is no share of the width.
    """
    if ratio is not None and not 0 < ratio < 1:
        raise InputError(f"the ratio {ratio} is no share of the width; give one between 0 and 1.")
    record = Record("prune", model, target)
    settings = plan.prune if ratio is None else plan.prune.model_copy(update={"ratios": (ratio,)})
    if not settings.ratios:
        return record.skipped("the plan says no")
    if answers.taught is None:
        return record.skipped("there is no text to recover on")

    budget = Budget.of("prune", plan.tolerance)
    unpruned: Any = load_checkpoint(model.path, attention="eager").float()
    family = family_of(unpruned.config.model_type, where=str(model.path))
    width = getattr(unpruned.config, family.width_key)
    progress.step("asking which neurons the answers depend on")
    asking = Recipe.of(settings, seed=seed, message="importance")
    asking = asking.model_copy(update={"temperature": 1.0, "hidden_weight": 0.0})
    importance = neuron_importance(unpruned, answers.taught, asking)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        for ratio in settings.ratios:
            narrower = pruned_width(width, ratio)
            if narrower >= width:
                continue
            message = f"recovering at feed-forward width {narrower}"
            recipe = Recipe.of(settings, seed=seed, message=message)
            chosen = {"width": narrower, "of": width, **recipe.described()}
            pruned = copy.deepcopy(unpruned)
            prune_width(pruned, ratio, importance)
            train_student(pruned, answers.taught, recipe)
            variant = save_checkpoint(pruned, model, Path(scratch) / "pruned")
            figures, cost = compare(variant, answers.validation, validation)
            fits, reason = budget.judge(figures)
            measured = {"validation": figures, "cpu_ms_per_answer": cost}
            record.trials.append(tried(variant.manifest, fits, reason, settings=chosen, **measured))
            progress.step(f"feed-forward width {narrower}: {reason}")
            if fits:
                reason = f"feed-forward width {narrower} of {width}; {reason}"
                return record.applied(variant, reason, chosen)
    if not record.trials:
        return record.skipped(f"a feed-forward width of {width} leaves nothing to remove")
    return record.rejected(
        f"none of {len(record.trials)} widths stayed within the limit of {budget.limit:.2%}"
    )
