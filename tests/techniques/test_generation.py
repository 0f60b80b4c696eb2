"""What a student that writes learns from: the teacher's own answers, kept exactly."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from leanstage.errors import InputError, LeanstageError
from leanstage.tasks import SplitFolder, open_split, read_labelled, write_split
from leanstage.techniques import generation_teach, room
from leanstage.techniques.arrays import read_arrays, write_arrays
from leanstage.techniques.generation import TaughtTokens
from leanstage.techniques.generation_teach import teach_tokens
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.taught import taught_of
from leanstage.techniques.training import train_student
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from leanstage.variant.checkpoint import load_checkpoint
from leanstage.variant.generation import load_generator
from tests.generation_model import sentences, write_prompts, write_texts

RECIPE = Recipe(
    epochs=2, learning_rate=2e-3, batch_size=16, temperature=2.0, seed=1, message="training"
)


@pytest.fixture(scope="module")
def teacher(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Variant:
    return adopt(tiny_llama, tmp_path_factory.mktemp("llama") / "variant")


def split_of(write: Callable[..., Path], rows: int, folder: Path) -> SplitFolder:
    examples = read_labelled(
        str(write(folder / "rows.jsonl", sentences(rows, seed=5))), (), split="train"
    )
    write_split(folder / "split", examples, split="train", labels=())
    return open_split(folder / "split")


@pytest.fixture
def texts(tmp_path: Path) -> SplitFolder:
    return split_of(write_texts, 60, tmp_path)


@pytest.fixture
def prompts(tmp_path: Path) -> SplitFolder:
    return split_of(write_prompts, 60, tmp_path)


@pytest.fixture(autouse=True)
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without rounding to bfloat16, so that what is kept can be held against what is computed."""
    monkeypatch.setenv("LEANSTAGE_BF16", "0")


def damaged(teacher: Variant) -> Any:
    student: Any = load_checkpoint(teacher.path, attention="eager")
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in student.model.layers.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return student


def loss_on(model: Any, taught: TaughtTokens, recipe: Recipe, size: int = 60) -> float:
    """Mean over batches of ``size`` rows, as a step gathers them."""
    losses = []
    with torch.inference_mode():
        for first in range(0, len(taught), size):
            batch = taught.collate([taught[row] for row in range(first, first + size)])
            losses.append(float(taught.loss(model, batch, recipe)[0]))
    return float(np.mean(losses))


def by_hand(teacher: Any, student: Any, window: list[int], start: int) -> tuple[Any, Any, Any]:
    """Logits of both at every place of a window, and what came next, -1 behind its end."""
    with torch.inference_mode():
        first, second = (model(torch.tensor([window])).logits[0] for model in (teacher, student))
    learnt = slice(start - 1, None)
    return first[learnt], second[learnt], torch.tensor([*window[start:], -1])


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("truth", [0.0, 0.3])
def test_the_loss_is_that_of_the_teacher_over_the_whole_vocabulary(
    teacher: Variant, prompts: SplitFolder, temperature: float, truth: float
) -> None:
    taught = teach_tokens(teacher, [prompts])
    model, student = load_checkpoint(teacher.path), damaged(teacher)
    losses = []
    for window, start in zip(taught.ids, taught.starts, strict=True):
        given, own, true = by_hand(model, student, window, start)
        both = (log_softmax(logits / temperature, dim=-1) for logits in (own, given))
        apart = kl_div(*both, reduction="none", log_target=True).sum(dim=-1) * temperature**2
        share = truth * (true >= 0)
        surprise = cross_entropy(own, true, reduction="none", ignore_index=-1)
        losses.append((1 - share) * apart + share * surprise)
    expected = float(torch.cat(losses).mean())
    recipe = RECIPE.model_copy(update={"temperature": temperature, "truth_weight": truth})
    assert expected > 0.1
    assert loss_on(student, taught, recipe) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("size", [1, 4])
def test_a_token_weighs_the_same_whatever_it_is_gathered_with(
    teacher: Variant, prompts: SplitFolder, texts: SplitFolder, size: int
) -> None:
    """Windows of few places among those of many: a step in parts follows that of the whole."""
    taught, student = teach_tokens(teacher, [prompts, texts]), damaged(teacher)
    assert max(np.diff(taught.ends)) > 4 * min(np.diff(taught.ends))
    whole = loss_on(student, taught, RECIPE, 120)
    assert loss_on(student, taught, RECIPE, size) == pytest.approx(whole, rel=1e-4)


def test_a_student_learns_when_to_end(teacher: Variant, prompts: SplitFolder) -> None:
    """Its teacher was taught to end behind each completion; no row has a token for that."""
    taught = teach_tokens(teacher, [prompts])
    end = load_checkpoint(teacher.path).config.eos_token_id
    assert not any(end in ids for ids in taught.ids)

    def ends(model: Any) -> float:
        """Its mean probability of the end behind a row."""
        model.eval()
        with torch.inference_mode():
            said = [model(torch.tensor([ids])).logits[0, -1].softmax(dim=-1) for ids in taught.ids]
        return float(torch.stack(said)[:, end].mean())

    student = damaged(teacher)
    with torch.no_grad():
        # A layer that writes the end away, whatever it is asked.
        student.model.layers[-1].mlp.down_proj.weight *= -1
    assert ends(load_checkpoint(teacher.path)) > 0.9
    assert ends(student) < 0.5
    train_student(student, taught, RECIPE.model_copy(update={"epochs": 20}))
    assert ends(student) > 0.8


def test_a_teacher_has_nothing_to_learn_from_itself(teacher: Variant, texts: SplitFolder) -> None:
    taught = teach_tokens(teacher, [texts])
    assert loss_on(load_checkpoint(teacher.path), taught, RECIPE) < 1e-4


def test_of_a_row_with_a_prompt_the_completion_is_learnt(
    teacher: Variant, prompts: SplitFolder, texts: SplitFolder
) -> None:
    asked, read = teach_tokens(teacher, [prompts]), teach_tokens(teacher, [texts])
    generator = load_generator(teacher.path)
    completions = generator.lengths(prompts.texts, prompts.completions)
    learnt = [len(ids) - start for ids, start in zip(asked.ids, asked.starts, strict=True)]
    assert learnt == completions
    # Behind the last token of each, too, the teacher says what it would write.
    assert len(asked.hidden) == sum(completions) + 60
    assert read.starts == [1] * 60
    assert len(read.hidden) == sum(map(len, read.ids)) > 3 * len(asked.hidden)


def test_long_text_is_cut_into_windows_that_lose_nothing(
    teacher: Variant, texts: SplitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = teach_tokens(teacher, [texts])
    monkeypatch.setattr(generation_teach, "WINDOW", 7)
    pieces = teach_tokens(teacher, [texts])
    assert max(pieces.lengths) == 7
    # A window of one token has nothing to learn from.
    alone = sum(len(ids) % 7 == 1 for ids in whole.ids)
    assert sum(pieces.lengths) + alone == sum(whole.lengths)


def test_the_teacher_writes_completions_of_its_own(teacher: Variant, prompts: SplitFolder) -> None:
    taught = teach_tokens(teacher, [prompts], completions=True)
    assert len(taught) == 120
    generator = load_generator(teacher.path)
    longest = max(generator.lengths(prompts.texts, prompts.completions))
    written = generator.generate(prompts.texts, [longest] * 60)
    assert written != prompts.completions
    expected = zip(prompts.texts, written, strict=True)
    encoder = generator.encoder  # type: ignore[attr-defined]
    found = sorted(encoder.text(ids) for ids in taught.ids[60:])
    assert found == sorted(prompt + more for prompt, more in expected)


def test_completions_need_prompts(teacher: Variant, texts: SplitFolder) -> None:
    with pytest.raises(InputError, match="no row has a prompt"):
        teach_tokens(teacher, [texts], completions=True)


def test_the_answers_are_the_same_from_disk(
    teacher: Variant, prompts: SplitFolder, tmp_path: Path
) -> None:
    taught = teach_tokens(teacher, [prompts])
    write_arrays(tmp_path / "kept", taught.arrays())
    again = taught_of(read_arrays(tmp_path / "kept"))
    assert isinstance(again, TaughtTokens)
    assert again.identity() == taught.identity()
    assert again.teacher_digest == teacher.digest
    for name in ("learnt", "truth", "hidden", "input_ids"):
        first, second = (rows.collate([rows[3], rows[41]])[name] for rows in (taught, again))
        assert torch.equal(first, second)


def test_a_student_comes_closer(teacher: Variant, texts: SplitFolder) -> None:
    taught = teach_tokens(teacher, [texts])
    student = damaged(teacher)
    before = loss_on(student, taught, RECIPE)
    embeddings = copy.deepcopy(student.get_input_embeddings().weight)
    train_student(student, taught, RECIPE)
    assert loss_on(student, taught, RECIPE) < before / 3
    assert torch.equal(embeddings, student.get_input_embeddings().weight)


def test_answers_that_another_head_gives_are_not_kept() -> None:
    logits = torch.randn(20, 50, generator=torch.Generator().manual_seed(0)) * 4
    with pytest.raises(LeanstageError, match="do not follow from its last hidden state"):
        generation_teach._require_same(logits, logits.tanh())
    generation_teach._require_same(logits, logits + 1e-3)


def test_more_text_than_the_disk_holds(
    teacher: Variant, texts: SplitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = type("Usage", (), {"free": 10_000})
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: free)
    with pytest.raises(InputError, match="bring less text"):
        teach_tokens(teacher, [texts])


def test_text_of_one_token(teacher: Variant, texts: SplitFolder) -> None:
    nothing = SplitFolder(texts.info, [""], [], {}, [""])
    with pytest.raises(InputError, match="no row has a token"):
        teach_tokens(teacher, [nothing])
    assert np.isfinite(teach_tokens(teacher, [nothing, texts]).hidden).all()
