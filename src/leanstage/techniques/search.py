"""What a technique may lose on the validation split; ``attempts.Search`` searches within it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from leanstage.contracts import (
    TECHNIQUES,
    AccuracyTest,
    Plan,
    RowForm,
    Technique,
    Trial,
    ValidationFigures,
    VariantManifest,
)
from leanstage.errors import LeanstageError
from leanstage.tasks import SplitFolder
from leanstage.tasks.figures import validation_figures
from leanstage.techniques.cost import clock
from leanstage.techniques.generation_search import token_answers, token_figures
from leanstage.variant import (
    Predictor,
    Variant,
    fresh_folder,
    load_predictor,
    open_variant,
    predict_all,
)
from leanstage.variant.checkpoint import parameter_count
from leanstage.variant.folder import copy_tokenizer, seal_like
from leanstage.variant.statistics import expected_upper_drop
from leanstage.variant.writing import Writer

BATCH_SIZE = 32

T = TypeVar("T")


def limit_of(technique: Technique, tolerance: float) -> float:
    """Half the tolerance a technique, counted from the baseline, never more than all of it.

    Counting from the baseline passes on what earlier techniques left unspent.
    """
    shares = TECHNIQUES.index(technique) + 1
    return min(shares * tolerance / 2, tolerance)


@dataclass(frozen=True)
class Budget:
    """How far a model may fall behind the baseline on the validation split.

    Args:
        limit: of the drop in the probability of the true class or token.
        test: what classifiers have to pass at the gate; None where it is not looked at.
        assurance: probability, by what the validation rows show and leave open, that they pass.
    """

    limit: float
    test: AccuracyTest | None = None
    assurance: float = 0.5

    @classmethod
    def of_training(cls, technique: Technique, plan: Plan) -> "Budget":
        """What a technique that trains may lose, and what its models have to pass at the gate."""
        return cls(limit_of(technique, plan.tolerance), plan.accuracy_test)

    def judge(
        self, figures: ValidationFigures, form: RowForm, *, surely: bool = False
    ) -> tuple[bool, str]:
        """Whether the figures of rows of this form fit, and why in one clause.

        The accuracy is too coarse for a limit of half a point on a small split; the
        low-variance measure decides, and the gate judges the accuracy on rows of its own. It is
        the estimate that decides, not a bound: its standard error is of the size of the limit, so
        that a bound would refuse most of what loses nothing.

        Args:
            surely: by a standard error at least, as what is tried only because there was plenty
                left has to: of many looks at a noisy figure the luckiest would be taken.
        """
        doubt = figures.probability_drop_se if surely else 0.0
        within = figures.probability_drop + doubt <= self.limit
        unclear = self._unclear(figures) if within else ""
        true, counted = ("class", "rows") if form == "label" else ("token", "tokens")
        return within and not unclear, (
            f"true-{true} probability {0.0 - figures.probability_drop:+.2%} "
            f"(± {figures.probability_drop_se:.2%}) and accuracy "
            f"{0.0 - figures.accuracy_drop:+.2%} against the baseline on {figures.n} validation "
            f"{counted}, {'within' if within else 'beyond'} the limit of {self.limit:.2%}"
            f"{' with its standard error' if surely else ''}{unclear}"
        )

    def _unclear(self, figures: ValidationFigures) -> str:
        """Why the gate could not clear a candidate with these figures; empty where it could.

        Answers that change sides cancel out in the drop and widen its bound, so that a candidate
        that loses little may still be refused. Its drop there is taken as normal around the drop
        here, with the variances of both samples (O'Hagan, Stevens & Campbell 2005, "Assurance in
        clinical trial design").
        """
        test, turned = self.test, figures.discordant
        if test is None or turned is None:
            return ""
        spread = math.hypot(figures.probability_drop_se, math.sqrt(turned / test.rows))
        doubt = NormalDist().inv_cdf(self.assurance) * spread
        drop = max(0.0, figures.probability_drop + doubt)
        bound = expected_upper_drop(
            test.rows, discordant=turned, drop=drop, confidence=test.confidence
        )
        if bound <= test.margin:
            return ""
        odds = f" with a probability of {self.assurance:.0%}" if self.assurance > 0.5 else ""
        return (
            f"; but {turned:.1%} of the answers turn right or wrong, and with as many the gate's "
            f"{test.rows:,} evaluation rows could not{odds} rule out a loss of {bound:.2%}, where "
            f"the policy accepts {test.margin:.2%}"
        )


def most_saving(candidates: Sequence[T], fits: Callable[[T], bool]) -> T | None:
    """The first of ``candidates`` that fits, found by bisection; None where none does.

    They stand from the largest saving down, and where one fits, those after it should: of ``n``,
    at most ``log2(n + 1)``, rounded up, are tried, each of which may cost a training. As far as
    that allows, they are parted at a third and not in the middle: what saves more is smaller, and
    trained sooner. Where noise breaks the order, what is returned was still tried and fits,
    and saves the most of those that were tried and do.
    """
    low, high = 0, len(candidates)
    while low < high:
        count = high - low
        middle = max(low + count // 3, high - (1 << (count.bit_length() - 1)))
        if fits(candidates[middle]):
            high = middle
        else:
            low = middle + 1
    return candidates[low] if low < len(candidates) else None


def validation_answers(variant: Variant, split: SplitFolder) -> tuple[NDArray[np.float32], float]:
    """What a variant, loaded from disk, says to the validation split, and what an answer costs.

    Returns:
        :func:`answers_of` it, and milliseconds per answer, by the clock of what answers here.
    """
    predictor = load_predictor(variant.path)
    predictor.predict(split.texts[:BATCH_SIZE])
    now = clock()
    began = now()
    if isinstance(predictor, Writer):
        # What it says is another work than what it writes, which is what an answer is.
        asked = split.texts[:BATCH_SIZE]
        predictor.predict(asked)
        cost = (now() - began) / len(asked)
        return answers_of(predictor, split, batch_size=BATCH_SIZE), cost * 1e3
    answers = answers_of(predictor, split, batch_size=BATCH_SIZE)
    return answers, (now() - began) / len(split.texts) * 1e3


def answers_of(predictor: Predictor, split: SplitFolder, *, batch_size: int) -> NDArray[np.float32]:
    """Probabilities of shape (rows, classes); of a model that writes, :func:`token_answers`."""
    if isinstance(predictor, Writer):
        return token_answers(predictor.generator, split)
    return predict_all(predictor, split.texts, batch_size=batch_size)


def compare(
    variant: Variant, reference: NDArray[np.float32], split: SplitFolder
) -> tuple[ValidationFigures, float]:
    """Figures of a variant beside the reference's probabilities, and its milliseconds per row.

    Raises:
        LeanstageError: an answer is not a number.
    """
    probabilities, cost = validation_answers(variant, split)
    if not np.isfinite(probabilities).all():
        raise LeanstageError(f"{variant.path} answers NaN on the validation rows.")
    return figures_of(probabilities, reference, split), cost


def figures_of(
    answers: NDArray[np.float32], reference: NDArray[np.float32], split: SplitFolder
) -> ValidationFigures:
    """Two models' :func:`answers_of` a split, compared."""
    if split.info.form != "label":
        return token_figures(answers, reference)
    return validation_figures(answers, reference, split.labels)


def save_checkpoint(model: Any, parent: Variant, target: str | Path) -> Variant:
    """Write a trained float32 model as a variant, with tokenizer and lineage of its parent."""
    with fresh_folder(target) as draft:
        model.save_pretrained(draft)
        copy_tokenizer(parent.path, draft)
        parameters = parameter_count(model)
        seal_like(parent, draft, runtime="torch", precision="fp32", parameters=parameters)
    return open_variant(target)


def tried(manifest: VariantManifest, fits: bool, reason: str, **fields: Any) -> Trial:
    """The record of one trial on a variant."""
    return Trial(
        fits=fits,
        reason=reason,
        parameters=manifest.parameters,
        bytes=manifest.bytes,
        **fields,
    )
