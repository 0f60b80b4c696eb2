"""The quantize step: every backend of the plan is built and timed; the leanest that fits wins."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from leanstage import progress
from leanstage.contracts import Plan, QuantizeBackend
from leanstage.errors import InputError, LeanstageError
from leanstage.quantize.backends import BACKENDS
from leanstage.quantize.bench import Bench, Fitting, Form, Verdict, words
from leanstage.quantize.how import METHODS, How
from leanstage.quantize.sensitive import keep_sensitive
from leanstage.tasks import SplitFolder
from leanstage.techniques.answers import Answers
from leanstage.techniques.record import Record
from leanstage.techniques.search import Budget, limit_of
from leanstage.techniques.spread import some
from leanstage.variant import Variant
from leanstage.variant.hardware import hardware_profile

_FLOAT = ("fp32", "fp16", "bf16")


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
    """Write the :func:`leanest` form to ``target``, or the input unchanged with the reason.

    Forms are timed in turn with the input, on the machine at hand, which the step records; those
    that save time are held against the baseline's ``answers`` on the validation split.
    Where one loses too much, the layers that it hurts most stay in float. What cannot be had here
    is a trial that says so.

    Args:
        train: text from which static forms take their ranges; without it they are not tried.

    Raises:
        InputError: a static form is to take its ranges from a single row.
    """
    record = Record("quantize", model, target)
    settings = plan.quantize
    if not settings.backends:
        return record.skipped("the plan says no")
    if model.manifest.runtime != "torch" or model.manifest.precision not in _FLOAT:
        return record.skipped(
            f"the input is {model.manifest.precision} under {model.manifest.runtime} already"
        )
    texts = _texts(train, plan)
    record.node = hardware_profile().kind()
    with tempfile.TemporaryDirectory(prefix="leanstage-quantize-") as scratch:
        bench = Bench(
            model=model,
            reference=answers.validation,
            validation=validation,
            budget=Budget(limit_of("quantize", plan.tolerance)),
            texts=texts,
            batch_size=batch_size,
            folder=Path(scratch),
        )
        record.trials = bench.trials
        kept = _passing(bench, settings.backends, settings.min_gain)
        record.input_ms_per_answer = bench.input_cost
        if not kept:
            return record.rejected(
                f"no quantization: none of {len(bench.trials)} forms saved time within "
                f"the limit{_closest(bench)}"
            )
        best = leanest(kept, settings.min_gain)
        return record.applied(
            best.form.variant,
            f"{words(best.form)}: {best.cost:.2f} ms an answer against {bench.input_cost:.2f}",
            best.form.settings,
        )


def leanest(kept: Sequence[Fitting], min_gain: float) -> Fitting:
    """Of those than which no other costs less by more than ``min_gain``, what loses least.

    A smaller difference is within the noise of the timing, while what they lose was measured on
    the same rows. Where they lose the same, it is the first: the plan expects most of it.
    """
    least = min(one.cost for one in kept)
    alike = [one for one in kept if one.cost * (1 - min_gain) <= least]
    return min(alike, key=lambda one: one.drop)


def _texts(train: SplitFolder | None, plan: Plan) -> tuple[str, ...]:
    """Training text to take ranges from."""
    texts = some(train.whole, plan.quantize.calibration_rows) if train is not None else []
    static = [name for name in plan.quantize.backends if BACKENDS[name].methods]
    if static and len(texts) == 1:
        raise InputError(
            f"{static[0]} takes the ranges of activations from training text, and there is one "
            "row of it, which shows no range; give more, or a plan without static forms."
        )
    return tuple(texts)


def _passing(bench: Bench, backends: Sequence[QuantizeBackend], min_gain: float) -> list[Fitting]:
    """In the order of backends, the form of each that saves time and keeps the accuracy."""
    forms: dict[str, Form] = {form.backend: form for form in _build(bench, backends)}
    progress.step("timing the backends in turn")
    costs = bench.costs(forms)
    assert bench.input_cost is not None
    most = bench.input_cost * (1 - min_gain)
    found: dict[str, Fitting] = {}
    losing: list[str] = []
    for name, form in forms.items():
        cost = costs[name]
        if cost > most:
            bench.tell(form, Verdict(False, _no_gain(1 - cost / bench.input_cost)), cost)
            continue
        verdict = bench.judge(form)
        bench.tell(form, verdict, cost)
        if verdict.fits:
            found[name] = Fitting(form, cost, verdict.drop)
        else:
            losing.append(name)
    for name in sorted(losing, key=lambda one: costs[one]):
        # Layers in float only add to its cost.
        if costs[name] >= min((one.cost for one in found.values()), default=float("inf")):
            break
        try:
            kept = keep_sensitive(bench, forms[name])
        except Exception as error:
            bench.refuse(forms[name].backend, _what(error))
            continue
        if kept is not None and kept.cost <= most:
            found[name] = kept
    return [found[name] for name in forms if name in found]


def _build(bench: Bench, backends: Sequence[QuantizeBackend]) -> Iterator[Form]:
    """Of every backend that can be had, the form that loses least."""
    for number, name in enumerate(backends):
        progress.step(f"building {name}", number / len(backends))
        refusal = BACKENDS[name].refusal(bench.model, bench.texts)
        if refusal is not None:
            bench.refuse(name, refusal)
            continue
        try:
            form = _least_loss(bench, name)
            # Some kernels refuse a shape only when they are asked.
            form.predictor.predict(bench.validation.texts[:1])
        # Errors of onnxruntime and NNCF have no base in common, and PyTorch's kernels assert.
        except Exception as error:
            bench.refuse(name, _what(error))
            continue
        yield form


def _least_loss(bench: Bench, name: QuantizeBackend) -> Form:
    """The form by the method of taking ranges that loses least; the others are trials."""
    methods = BACKENDS[name].methods or METHODS[:1]
    forms = [
        bench.build(name, How(texts=bench.texts, method=method, cache=bench.folder))
        for method in methods
    ]
    if len(forms) == 1:
        return forms[0]
    verdicts = [bench.judge(form) for form in forms]
    best = min(range(len(forms)), key=lambda number: verdicts[number].drop)
    for form, verdict in zip(forms, verdicts, strict=True):
        if form is not forms[best]:
            reason = f"{verdict.reason}; {forms[best].how.method} loses less"
            bench.tell(form, Verdict(False, reason, verdict.figures))
    return forms[best]


def _what(error: Exception) -> str:
    """An error in one line: ours are sentences, those of a library need its kind before them."""
    first = str(error).strip().partition("\n")[0]
    return first if isinstance(error, LeanstageError) else f"{type(error).__name__}: {first}"


def _no_gain(gain: float) -> str:
    saved = f"saves {gain:.0%}" if gain >= 0 else f"takes {-gain:.0%} more"
    return f"{saved} of the time: not enough gain measured here"


def _closest(bench: Bench) -> str:
    """The figures of the cheapest form, or why there was none, as the end of a sentence."""
    timed = [(t.ms_per_answer, t) for t in bench.trials if t.ms_per_answer is not None]
    if not timed:
        return f"; {bench.trials[0].settings['backend']} {bench.trials[0].reason}"
    cost, trial = min(timed, key=lambda pair: pair[0])
    return (
        f"; the cheapest, {trial.settings['backend']}, took {cost:.2f} ms an answer against "
        f"{bench.input_cost:.2f}: {trial.reason}"
    )
