"""The bench of one quantize step: forms are built, timed beside the input, and judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leanstage import progress
from leanstage.contracts import QuantizeBackend, Trial, ValidationFigures
from leanstage.quantize.backends import BACKENDS
from leanstage.quantize.how import How
from leanstage.tasks import SplitFolder
from leanstage.techniques.cost import ms_per_answer
from leanstage.techniques.search import Budget, answers_of, figures_of, tried
from leanstage.techniques.validity import objection
from leanstage.variant import Predictor, Variant, load_predictor

INPUT = "input"


@dataclass(frozen=True)
class Form:
    """A form of the model, loaded from disk through its own runtime."""

    backend: QuantizeBackend
    how: How
    variant: Variant
    predictor: Predictor

    @property
    def settings(self) -> dict[str, Any]:
        """What names it among the forms of a step."""
        several = len(BACKENDS[self.backend].methods) > 1
        chosen = {"calibration": self.how.method} if several else {}
        kept = {"in_float": list(self.how.in_float)} if self.how.in_float else {}
        return {"backend": self.backend, **chosen, **kept}


@dataclass(frozen=True)
class Verdict:
    """Whether a form keeps the accuracy, why, and the figures behind it where it answers at all."""

    fits: bool
    reason: str
    figures: ValidationFigures | None = None

    @property
    def drop(self) -> float:
        """What it loses: infinite where it cannot be used."""
        return float("inf") if self.figures is None else self.figures.probability_drop


@dataclass(frozen=True)
class Fitting:
    """A form that fits: milliseconds of processor time an answer, and what it loses."""

    form: Form
    cost: float
    drop: float


@dataclass
class Bench:
    """Holds forms of ``model`` against what the baseline says to the validation rows.

    Attributes:
        reference: those answers.
        texts: of training, for the ranges of activations.
        batch_size: rows of a request in production.
        folder: an empty one for the forms.
        trials: what was tried, in the order of trying.
    """

    model: Variant
    reference: NDArray[np.float32]
    validation: SplitFolder
    budget: Budget
    texts: tuple[str, ...]
    batch_size: int
    folder: Path
    trials: list[Trial] = field(default_factory=list)
    input_cost: float | None = None
    """Milliseconds that an answer of the input takes, once it was timed."""

    def __post_init__(self) -> None:
        self.input = load_predictor(self.model.path)
        self._built = 0

    def build(self, backend: QuantizeBackend, how: How) -> Form:
        """One form on disk, loaded again; whatever its library raises where it cannot be had."""
        self._built += 1
        variant = BACKENDS[backend](self.model, self.folder / f"{backend}-{self._built}", how)
        return Form(backend, how, variant, load_predictor(variant.path))

    def costs(self, forms: Mapping[str, Form]) -> dict[str, float]:
        """Milliseconds an answer, by name, in turn with the input's.

        What is timed at another time is scaled to what the input took at the first.
        """
        predictors = {INPUT: self.input, **{name: form.predictor for name, form in forms.items()}}
        costs = ms_per_answer(predictors, self.validation.texts, batch_size=self.batch_size)
        if self.input_cost is None:
            self.input_cost = costs[INPUT]
        scale = self.input_cost / costs[INPUT]
        return {name: costs[name] * scale for name in forms}

    def judge(self, form: Form) -> Verdict:
        """A form against the budget; one that answers all rows alike never fits."""
        problem = objection(form.variant, self.model)
        if problem is not None:
            return Verdict(False, problem)
        answers = answers_of(form.predictor, self.validation, batch_size=self.batch_size)
        if not np.isfinite(answers).all():
            return Verdict(False, "answers NaN on the validation rows")
        figures = figures_of(answers, self.reference, self.validation)
        if self.model.manifest.labels and _classes(answers) == 1 < _classes(self.reference):
            reason = f"answers one class for all {len(answers)} validation rows"
            return Verdict(False, reason, figures)
        return Verdict(*self.budget.judge(figures, self.validation.info.form), figures)

    def tell(self, form: Form, verdict: Verdict, cost: float | None = None) -> None:
        """Record a form as a trial."""
        progress.step(f"{words(form)}: {verdict.reason}")
        self.trials.append(
            tried(
                form.variant.manifest,
                verdict.fits,
                verdict.reason,
                settings=form.settings,
                validation=verdict.figures,
                limit=self.budget.limit if verdict.figures else None,
                ms_per_answer=cost,
            )
        )

    def refuse(self, backend: QuantizeBackend, reason: str) -> None:
        """Record that a backend cannot be had here."""
        reason = f"does not run here: {reason}"
        progress.step(f"{backend}: {reason}")
        self.trials.append(Trial(settings={"backend": backend}, fits=False, reason=reason))


def words(form: Form) -> str:
    """A form in words: ``onnxruntime-int8-static, entropy, 2 groups of layers in float``."""
    parts = [form.backend, str(form.settings.get("calibration", ""))]
    kept = len(form.how.in_float)
    parts.append(f"{kept} group{'s' * (kept > 1)} of layers in float" if kept else "")
    return ", ".join(part for part in parts if part)


def _classes(probabilities: NDArray[np.float32]) -> int:
    return len(np.unique(probabilities.argmax(axis=1)))
