"""A model that generates beside a lighter form of itself: figures by hand, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leanstage.contracts import Evaluation, ModelPolicy
from leanstage.errors import InputError, LeanstageError
from leanstage.evaluate import evaluate, record
from leanstage.evaluate.written import WrittenAnswers, written_answers
from leanstage.gate.answers import count_again
from leanstage.gate.dossier import CandidateFiles
from leanstage.gate.evidence import Candidate
from leanstage.tasks import SplitFolder, compare, open_split, read_labelled, write_split
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from leanstage.variant.forms import write_bf16
from leanstage.variant.generation import load_generator
from tests.generation_model import sentences, write_prompts, write_texts

N = 60


@pytest.fixture(scope="module")
def models(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Variant, Variant]:
    folder = tmp_path_factory.mktemp("models")
    baseline = adopt(tiny_llama, folder / "baseline")
    return baseline, write_bf16(baseline, folder / "candidate")


def split_of(folder: Path, write: Any) -> SplitFolder:
    uri = str(write(folder / "rows.jsonl", sentences(N, seed=6)))
    examples = read_labelled(uri, (), split="evaluation")
    write_split(folder / "split", examples, split="evaluation", labels=())
    return open_split(folder / "split")


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> SplitFolder:
    return split_of(tmp_path_factory.mktemp("texts"), write_texts)


@pytest.fixture(scope="module")
def evaluated(
    models: tuple[Variant, Variant],
    split: SplitFolder,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Evaluation, Path]:
    target = tmp_path_factory.mktemp("evaluated") / "figures"
    baseline, candidate = models
    found = evaluate(baseline, candidate, split, batch_size=8, target=target, champion=baseline)
    return found, target


def test_a_row_is_right_where_the_reference_is_written(
    evaluated: tuple[Evaluation, Path], models: tuple[Variant, Variant], split: SplitFolder
) -> None:
    evaluation, _ = evaluated
    generator = load_generator(models[0].path)
    limits = generator.lengths(split.texts, split.completions)
    texts = [
        generator.generate([prompt], [limit])[0]
        for prompt, limit in zip(split.texts, limits, strict=True)
    ]
    right = [
        text.strip() == end.strip() for text, end in zip(texts, split.completions, strict=True)
    ]
    assert evaluation.baseline == sum(right) / N > 0.6
    assert (evaluation.metric, evaluation.n, evaluation.confusion) == ("exact_match", N, ())
    assert evaluation.champion is not None
    assert evaluation.champion.accuracy == evaluation.baseline


def test_perplexity_is_over_the_whole_text(
    evaluated: tuple[Evaluation, Path], models: tuple[Variant, Variant], split: SplitFolder
) -> None:
    found = evaluated[0].perplexity
    assert found is not None
    told = load_generator(models[0].path).likelihood(split.texts, split.completions, whole=True)
    assert found.tokens == len(told.logprobs)
    assert found.baseline == pytest.approx(np.exp(-told.logprobs.mean(dtype=float)), rel=1e-4)
    assert found.ci95[0] <= found.ratio <= found.ci95[1]
    assert found.ratio == pytest.approx(1, abs=0.05)
    assert found.ratio != 1, "half the digits cannot leave everything as it was"


def test_what_the_gate_counts_is_what_was_stated(
    evaluated: tuple[Evaluation, Path], models: tuple[Variant, Variant]
) -> None:
    evaluation, folder = evaluated
    files = CandidateFiles(models[1].path, folder, folder / "none.json")
    predictions = files.read_predictions()
    assert predictions is not None
    assert files.read_evaluation() == evaluation
    candidate = Candidate(
        "optimized", models[1].manifest, models[1].digest, evaluation, None, predictions
    )
    figures, reasons = count_again(candidate, ModelPolicy())
    assert reasons == []
    assert figures is not None
    assert figures.perplexity == evaluation.perplexity


def test_of_prompts_the_completion_alone_counts(
    models: tuple[Variant, Variant], split: SplitFolder, tmp_path: Path
) -> None:
    prompts = split_of(tmp_path, write_prompts)
    assert prompts.info.form == "completion"
    of_prompts, of_texts = (
        written_answers("baseline", models[0], each, 16) for each in (prompts, split)
    )
    assert list(of_prompts.texts) == list(of_texts.texts)
    assert (of_prompts.tokens < of_texts.tokens).all()


def spoilt(texts: list[str], tokens: int = 2) -> WrittenAnswers:
    return WrittenAnswers(texts, np.full(len(texts), tokens, np.int32), -np.ones(len(texts)))


def test_flips_show_prompt_and_both_texts(
    models: tuple[Variant, Variant], split: SplitFolder, tmp_path: Path
) -> None:
    """Also what hostile models may write; white space alone is no difference."""
    before = [end.replace(" ", "\n ") for end in split.completions]
    after = ["<script>alert(1)</script>", *split.completions[1:]]
    variants = dict(zip(("baseline", "candidate"), models, strict=True))
    answers = {"baseline": spoilt(before), "candidate": spoilt(after)}
    found = record(answers, variants, split, target=tmp_path / "figures")
    assert (found.counts.baseline_only, found.counts.both_right) == (1, N - 1)
    [flip] = found.flips
    assert (flip.row, flip.text, flip.candidate) == (0, split.texts[0], "<script>alert(1)</script>")
    assert flip.label == flip.baseline == split.completions[0].strip()


@pytest.mark.parametrize(
    ("candidate", "sentence"),
    [
        (lambda rows: spoilt(rows[:-1]), "are not one text, with its tokens"),
        (lambda rows: spoilt(rows, tokens=3), "cuts the rows into other tokens"),
    ],
)
def test_answers_that_cannot_be_paired_are_refused(
    models: tuple[Variant, Variant],
    split: SplitFolder,
    tmp_path: Path,
    candidate: Any,
    sentence: str,
) -> None:
    variants = dict(zip(("baseline", "candidate"), models, strict=True))
    answers = {"baseline": spoilt(split.completions), "candidate": candidate(split.completions)}
    with pytest.raises(LeanstageError, match=sentence):
        record(answers, variants, split, target=tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


def test_text_without_completions_is_no_evaluation(
    models: tuple[Variant, Variant], tmp_path: Path
) -> None:
    from leanstage.tasks import Examples

    write_split(tmp_path / "s", Examples(["a b"], [], "rows"), split="unlabelled", labels=())
    with pytest.raises(InputError, match="holds no labelled rows"):
        evaluate(*models, open_split(tmp_path / "s"), batch_size=8, target=tmp_path / "figures")


def test_the_same_texts_give_the_same_figures(evaluated: tuple[Evaluation, Path]) -> None:
    evaluation, folder = evaluated
    from leanstage.tasks import Predictions

    predictions = Predictions.load(folder / "predictions.parquet")
    again = predictions.save(folder.parent / "again.parquet")
    assert again.read_bytes() == (folder / "predictions.parquet").read_bytes()
    figures = compare(predictions, (), champion_digest=evaluation.baseline_digest)
    assert figures.agreement == evaluation.agreement
