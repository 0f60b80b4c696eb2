"""Which layers stay in float where int8 loses too much: those that it is measured to hurt most."""

import shutil
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from leanstage import progress
from leanstage.quantize.backends import BACKENDS
from leanstage.quantize.bench import Bench, Fitting, Form, words
from leanstage.techniques.search import most_saving
from leanstage.techniques.spread import some
from leanstage.variant import predict_all

_ROWS = 128
"""Texts on which a group of layers is measured; what is compared are probabilities of all classes,
which say more a row than right answers do."""


def keep_sensitive(bench: Bench, form: Form) -> Fitting | None:
    """The form with the fewest groups of layers in float that fits.

    Every group is measured by itself, the others in float; then bisection over how many, the worst
    first (:func:`ranked`), each tried form a trial. None where nothing fits.
    """
    layers = BACKENDS[form.backend].layers
    if layers is None or not bench.model.manifest.labels:
        return None
    order = ranked(bench, form, list(layers(bench.model)))
    found: Fitting | None = None

    def fits(kept: int) -> bool:
        nonlocal found
        one = bench.build(form.backend, replace(form.how, in_float=tuple(order[:kept])))
        verdict = bench.judge(one)
        cost = bench.costs({form.backend: one})[form.backend]
        bench.tell(one, verdict, cost)
        if verdict.fits:
            found = Fitting(one, cost, verdict.drop)
        return verdict.fits

    most_saving(range(1, len(order)), fits)
    return found


def ranked(bench: Bench, form: Form, groups: Sequence[str]) -> list[str]:
    """Groups of layers, the one that quantizing changes the answers by most first.

    The change is the mean Kullback-Leibler divergence from the answers of the input, over training
    texts or, where the step has none, validation rows.
    """
    texts = some(bench.texts or bench.validation.texts, _ROWS)
    answers = predict_all(bench.input, texts, batch_size=bench.batch_size)
    changes: dict[str, float] = {}
    for number, group in enumerate(groups):
        progress.step(f"{words(form)}: what {group} alone loses", number / len(groups))
        others = tuple(other for other in groups if other != group)
        one = bench.build(form.backend, replace(form.how, in_float=others))
        given = predict_all(one.predictor, texts, batch_size=bench.batch_size)
        changes[group] = divergence(answers, given)
        shutil.rmtree(one.variant.path)
    return sorted(groups, key=lambda group: -changes[group])


def divergence(reference: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean Kullback-Leibler divergence of ``other`` from ``reference``, shapes (rows, classes)."""
    p, q = (np.clip(one.astype(float), 1e-9, 1.0) for one in (reference, other))
    return float((p * np.log(p / q)).sum(axis=1).mean())
