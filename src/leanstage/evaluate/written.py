"""Answers of models that generate: what they write, and how likely the reference is to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanstage import progress
from leanstage.errors import LeanstageError
from leanstage.serving.endpoint import open_generator
from leanstage.tasks import LABEL, Predictions, SplitFolder
from leanstage.tasks.written import Written, coded, spaced
from leanstage.variant import Variant


@dataclass(frozen=True, eq=False)
class WrittenAnswers:
    """One model on all rows.

    Attributes:
        texts: what it writes after every prompt, at most as many tokens as the reference has.
        tokens: how many tokens of each row ``logprobs`` are of, shape (rows,).
        logprobs: natural logarithm of the probability of the reference, or of the whole text where
            the rows are texts, shape (rows,).
    """

    texts: Sequence[str]
    tokens: NDArray[np.int32]
    logprobs: NDArray[np.float64]


def written_answers(
    name: str, variant: Variant, split: SplitFolder, batch_size: int
) -> WrittenAnswers:
    """Ask a model that generates about every row, through what serves it where that is chosen.

    Raises:
        LeanstageError: it answers with something that is not a probability.
    """
    texts: list[str] = []
    likely = []
    whole = split.info.form == "text"
    with open_generator(variant.path, name) as generator:
        for start in range(0, len(split.texts), batch_size):
            some = slice(start, start + batch_size)
            prompts, completions = split.texts[some], split.completions[some]
            texts += generator.generate(prompts, generator.lengths(prompts, completions))
            likely.append(generator.likelihood(prompts, completions, whole=whole))
            if start // batch_size % 50 == 0:
                progress.step(f"the {name} completes the evaluation rows", start / len(split.texts))
    logprobs = np.concatenate([part.row_sums() for part in likely])
    broken = int((~np.isfinite(logprobs)).sum())
    if broken:
        raise LeanstageError(
            f"the {name} answered {broken} rows with NaN; the evaluation is worth nothing."
        )
    return WrittenAnswers(texts, np.concatenate([part.tokens for part in likely]), logprobs)


def written_predictions(answers: Mapping[str, WrittenAnswers], split: SplitFolder) -> Predictions:
    """The answers as they are kept and counted.

    Raises:
        LeanstageError: baseline and candidate cut the same text into other tokens, of which no
            perplexities can be held against each other; or an answer is missing.
    """
    rows = len(split.completions)
    for name, given in answers.items():
        if not len(given.texts) == len(given.tokens) == len(given.logprobs) == rows:
            raise LeanstageError(
                f"the answers of the {name} are not one text, with its tokens and their "
                f"log-probability, for each of {rows} rows; the evaluation is worth nothing."
            )
    baseline, candidate = answers["baseline"], answers["candidate"]
    if not np.array_equal(baseline.tokens, candidate.tokens):
        raise LeanstageError(
            "the candidate cuts the rows into other tokens than the baseline, so that their "
            "perplexities cannot be compared; give it the tokenizer of the baseline."
        )
    columns = {name: [spaced(text) for text in given.texts] for name, given in answers.items()}
    columns[LABEL] = [spaced(text) for text in split.completions]
    texts, codes = coded(columns)
    return Predictions(
        labels=codes.pop(LABEL),
        slices=split.slices,
        written=Written(texts, baseline.tokens, baseline.logprobs, candidate.logprobs),
        **codes,
    )
