"""The prune step: the smallest shape that the validation split lets pass."""

import tempfile
from pathlib import Path
from typing import Any

from leanstage.contracts import Plan
from leanstage.errors import InputError
from leanstage.prune.rounds import Pruning
from leanstage.prune.shape import shape_of, target_shape
from leanstage.prune.sparsity import refusal
from leanstage.tasks import SplitFolder
from leanstage.techniques.answers import Answers, learns, reader_of
from leanstage.techniques.attempts import Search
from leanstage.techniques.data import within_reach
from leanstage.techniques.record import Record
from leanstage.techniques.search import Budget
from leanstage.variant import Variant
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

    The ratios of the plan are searched for the largest that fits, and where that leaves plenty,
    larger ones; or ``ratio`` alone is tried where it is given. What pruning breaks is recovered on
    the ``answers`` of the line's baseline, against which the drop on the validation split counts;
    it is the unpruned model itself where no student came before.

    Raises:
        InputError: ``ratio`` is no share or leaves too little of the model, or the answers are to
            text that another tokenizer read.
    """
    record = Record("prune", model, target)
    settings = plan.prune
    if ratio is not None:
        settings = settings.model_copy(update={"ratios": (ratio,), "further_ratios": ()})
    if settings.sparsity is not None:
        return record.skipped(refusal(settings.sparsity, plan.hardware))
    if not settings.ratios:
        return record.skipped("the plan says no")
    if answers.taught is None:
        if learns(plan):
            return record.skipped("there is no text to recover on")
        return record.skipped(
            "there are no answers to recover on: the plan has no technique that learns, so that "
            "the teacher was not asked"
        )
    if answers.reader != reader_of(model):
        raise InputError(
            f"the answers are to the text as another tokenizer reads it than that of {model.path}; "
            "prune the model that distill handed on with them, or let the teacher answer anew."
        )
    settings = within_reach(settings, answers.taught)
    unpruned: Any = load_checkpoint(model.path, attention="eager").float()
    if ratio is not None:
        target_shape(shape_of(unpruned), ratio, settings.dimensions)
    pruning = Pruning(unpruned, model, answers.taught, settings, seed)
    ladder, record.left_out = pruning.ladder()
    if not ladder:
        return record.skipped("no ratio can be tried")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        search = Search(
            record,
            Budget.of_training("prune", plan),
            reference=answers.validation,
            validation=validation,
            folder=Path(scratch),
            minutes=plan.prune.minutes,
        )
        kept = search.most_saving(ladder)
        if kept is not None:
            kept = search.go_on(kept, pruning.beyond(kept.trial.settings["ratio"]))
        return search.conclude(kept, "shapes")
