"""Candidate and baseline answer a sample of production, and a classifier tells it from the data."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leanstage import progress
from leanstage.contracts import ProductionCheck
from leanstage.contracts.production import Reference
from leanstage.evaluate.drift import tell_apart
from leanstage.serving.endpoint import open_generator
from leanstage.tasks import SplitFolder
from leanstage.tasks.production import PRODUCTION_FILE, SampleAnswers
from leanstage.tasks.written import coded, spaced
from leanstage.variant import Variant, file_sha256

Ask = Callable[[str, Variant, SplitFolder, int], NDArray[np.int32]]
"""Name of a model, the model, rows, rows of a batch: the class indices that it answers."""


def answer_sample(
    baseline: Variant,
    candidate: Variant,
    sample: SplitFolder,
    *,
    evaluation: SplitFolder,
    train: SplitFolder | None,
    batch_size: int,
    ask: Ask,
) -> SampleAnswers:
    """Ask both models, and score the sample against the rows of the run.

    Models that generate write at most as many tokens as the longest true answer among the
    evaluation rows; two answers are equal where their words are.
    """
    variants = {"baseline": baseline, "candidate": candidate}
    if baseline.manifest.labels:
        answers = {name: ask(name, each, sample, batch_size) for name, each in variants.items()}
    else:
        _, answers = coded(
            {
                name: _written(name, each, sample, evaluation, batch_size)
                for name, each in variants.items()
            }
        )
    progress.step("telling the production sample from the other rows")
    rows: dict[Reference, SplitFolder | None] = {"train": train, "evaluation": evaluation}
    told = {
        against: tell_apart(sample.texts, other.texts)
        for against, other in rows.items()
        if other is not None
    }
    scores = {against: found for against, found in told.items() if found is not None}
    return SampleAnswers(answers["baseline"], answers["candidate"], scores)


def check_sample(answers: SampleAnswers, sample: SplitFolder, folder: Path) -> ProductionCheck:
    """Write the answers to ``folder``, and every figure that follows from them."""
    path = answers.save(folder / PRODUCTION_FILE)
    return ProductionCheck(
        **SampleAnswers.load(path).figures(),
        dataset_sha256=sample.info.rows_sha256,
        answers_sha256=file_sha256(path),
    )


def _written(
    name: str, variant: Variant, sample: SplitFolder, evaluation: SplitFolder, batch_size: int
) -> list[str]:
    texts: list[str] = []
    with open_generator(variant.path, name) as generator:
        longest = max(generator.lengths(evaluation.texts, evaluation.completions))
        for start in range(0, len(sample.texts), batch_size):
            prompts = sample.texts[start : start + batch_size]
            texts += generator.generate(prompts, [longest] * len(prompts))
    return [spaced(text) for text in texts]
