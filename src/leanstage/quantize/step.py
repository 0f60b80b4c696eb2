"""The quantize step: every backend of the plan is built and timed; the cheapest that fits wins."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from leanstage import progress
from leanstage.contracts import Plan, Trial
from leanstage.errors import LeanstageError
from leanstage.quantize.backends import BACKENDS
from leanstage.tasks import SplitFolder
from leanstage.techniques.answers import Answers
from leanstage.techniques.cost import cpu_ms_per_answer
from leanstage.techniques.record import Record
from leanstage.techniques.search import Budget, answers_of, figures_of, tried
from leanstage.variant import Predictor, Variant, load_predictor

INPUT = "input"


@dataclass(frozen=True)
class _Built:
    """A backend's variant, loaded from disk through its own runtime."""

    variant: Variant
    predictor: Predictor


def quantize(
    model: Variant,
    *,
    answers: Answers,
    validation: SplitFolder,
    plan: Plan,
    batch_size: int,
    target: Path,
    train: SplitFolder | None = None,
) -> Variant:
    """Write the :func:`cheapest` form to ``target``, or the input unchanged with the reason.

    Backends are timed in turn with the input; those that save processor time are held against the
    baseline's ``answers`` on the validation split. One that fails here is a trial that says so.
    """
    record = Record("quantize", model, target)
    settings = plan.quantize
    if not settings.backends:
        return record.skipped("the plan says no")
    if model.manifest.runtime != "torch" or model.manifest.precision == "int8":
        return record.skipped(
            f"the input is {model.manifest.precision} under {model.manifest.runtime} already"
        )

    with tempfile.TemporaryDirectory(prefix="leanstage-quantize-") as scratch:
        built, record.trials = _build(model, settings.backends, Path(scratch))
        progress.step("timing the backends in turn")
        predictors = {INPUT: load_predictor(model.path)}
        predictors |= {name: each.predictor for name, each in built.items()}
        costs = cpu_ms_per_answer(predictors, validation.texts, batch_size=batch_size)
        record.input_cpu_ms_per_answer = costs[INPUT]
        for name, each in built.items():
            trial = _judge(name, each, answers, validation, plan, costs, batch_size)
            progress.step(f"{name}: {trial.reason}")
            record.trials.append(trial)
        passing = [str(trial.settings["backend"]) for trial in record.trials if trial.fits]
        if not passing:
            return record.rejected(
                f"none of {len(record.trials)} backends saved processor time within the limit"
            )
        best = cheapest(passing, costs, settings.min_gain)
        return record.applied(
            built[best].variant,
            f"{best}: {costs[best]:.2f} ms of processor time an answer against {costs[INPUT]:.2f}",
            {"backend": best},
        )


def cheapest(names: Sequence[str], costs: Mapping[str, float], min_gain: float) -> str:
    """The first of ``names``, unless a later one costs less by ``min_gain`` or more.

    The plan names first what it expects most of; a smaller difference is within the noise of the
    timing, and would be decided by chance.
    """
    best = names[0]
    for name in names[1:]:
        if costs[name] <= costs[best] * (1 - min_gain):
            best = name
    return best


def _build(
    model: Variant, backends: tuple[str, ...], scratch: Path
) -> tuple[dict[str, _Built], list[Trial]]:
    """What could be built and loaded, by name, and a trial for each that could not."""
    built: dict[str, _Built] = {}
    failed: list[Trial] = []
    for number, name in enumerate(backends):
        progress.step(f"building {name}", number / len(backends))
        try:
            variant = BACKENDS[name](model, scratch / name)
            built[name] = _Built(variant, load_predictor(variant.path))
        except (LeanstageError, RuntimeError, ValueError, ImportError) as error:
            first = str(error).strip().partition("\n")[0] or type(error).__name__
            reason = f"does not run here: {first}"
            failed.append(Trial(settings={"backend": name}, fits=False, reason=reason))
    return built, failed


def _judge(
    name: str,
    built: _Built,
    answers: Answers,
    validation: SplitFolder,
    plan: Plan,
    costs: Mapping[str, float],
    batch_size: int,
) -> Trial:
    """Whether a backend saves enough here and, if so, keeps the accuracy."""
    cost = {"settings": {"backend": name}, "cpu_ms_per_answer": costs[name]}
    gain = 1 - costs[name] / costs[INPUT]
    if gain < plan.quantize.min_gain:
        saved = f"saves {gain:.0%}" if gain >= 0 else f"takes {-gain:.0%} more"
        reason = f"{saved} of the processor time: not enough gain measured here"
        return tried(built.variant.manifest, False, reason, **cost)
    given = answers_of(built.predictor, validation, batch_size=batch_size)
    figures = figures_of(given, answers.validation, validation)
    fits, reason = Budget.of("quantize", plan.tolerance).judge(figures)
    return tried(built.variant.manifest, fits, reason, validation=figures, **cost)
