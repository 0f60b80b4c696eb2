"""The teacher reads the text to learn from once, and writes completions of its own where asked."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leanstage import progress
from leanstage.errors import InputError, LeanstageError
from leanstage.tasks import SplitFolder
from leanstage.techniques.data import to_device
from leanstage.techniques.generation import TaughtTokens
from leanstage.techniques.precision import mixed_precision
from leanstage.techniques.room import room
from leanstage.variant import Variant
from leanstage.variant.generation import load_generator
from leanstage.variant.hardware import device_type
from leanstage.variant.tokens_causal import CausalEncoder, Pair

WINDOW = 256
"""Tokens of a window of running text at most: a batch has as many logits as its tokens times the
vocabulary."""
_BATCH = 16
_SAME = 1e-2
"""Divergence, in nats a token, that rounding to float16 may cause."""


def teach_tokens(
    teacher: Variant, splits: Sequence[SplitFolder], *, completions: bool = False
) -> TaughtTokens:
    """Let the teacher read every row, the true tokens before each at hand (teacher forcing).

    Of rows with a prompt the completion is learnt, of others the whole text, in windows; of all of
    them, too, what the teacher would say next.

    Args:
        completions: let it also complete every prompt by itself, and learn from that as from text
            (Kim & Rush 2016, "Sequence-Level Knowledge Distillation", with a beam of one).

    Raises:
        InputError: no row to learn from, no prompt to complete, or no room for the answers.
        LeanstageError: the teacher's answers do not follow from its last hidden state.
    """
    from leanstage.variant.checkpoint import load_checkpoint

    windows = [window for split in splits for window in _windows(teacher, split)]
    if completions:
        windows += _completed(teacher, splits)
    windows = [window for window in windows if window.completion > 0]
    if not windows:
        raise InputError("no row has a token that follows from another; bring longer text.")
    model: Any = load_checkpoint(teacher.path)
    model.to(device_type())
    taught = TaughtTokens(
        [window.ids for window in windows],
        [window.start for window in windows],
        _room(windows, model.config.hidden_size),
        model.get_output_embeddings().weight.detach().half().cpu().numpy(),
        int(model.config.pad_token_id or 0),
        teacher.digest,
    )
    # Windows of like length together: padding is work that teaches nothing.
    order = sorted(range(len(windows)), key=taught.lengths.__getitem__)
    for first in range(0, len(order), _BATCH):
        _answer(model, taught, order[first : first + _BATCH], check=first == 0)
        if first // _BATCH % 5 == 0:
            progress.step("the teacher reads the training text", first / len(order))
    return taught


def _windows(teacher: Variant, split: SplitFolder) -> list[Pair]:
    """Every prompt with its completion; of text, windows from end to end."""
    encoder = CausalEncoder(teacher.path, teacher.manifest.max_length)
    if split.info.form == "completion":
        return encoder.pairs(split.texts, split.completions)
    more = split.completions or [""] * len(split.texts)
    texts = [text + rest for text, rest in zip(split.texts, more, strict=True)]
    step = min(WINDOW, teacher.manifest.max_length)
    return [
        Pair(ids[at : at + step], 1)
        for ids in encoder.ids(texts)
        for at in range(0, len(ids), step)
    ]


def _completed(teacher: Variant, splits: Sequence[SplitFolder]) -> list[Pair]:
    """What the teacher writes to the prompts, each as long at most as the longest completion."""
    pairs = [
        pair
        for split in splits
        if split.info.form == "completion"
        for pair in zip(split.texts, split.completions, strict=True)
    ]
    if not pairs:
        raise InputError(
            "the plan lets the teacher write completions, and no row has a prompt; bring rows of "
            "'prompt' and 'completion', or set completions to false."
        )
    generator = load_generator(teacher.path)
    pairs.sort(key=lambda pair: len(pair[0]))
    prompts = [prompt for prompt, _ in pairs]
    longest = max(generator.lengths(prompts, [completion for _, completion in pairs]))
    written: list[str] = []
    for first in range(0, len(prompts), _BATCH):
        some = prompts[first : first + _BATCH]
        written += generator.generate(some, [longest] * len(some))
        if first // _BATCH % 5 == 0:
            progress.step("the teacher completes the prompts", first / len(prompts))
    return CausalEncoder(teacher.path, teacher.manifest.max_length).pairs(prompts, written)


def _room(windows: Sequence[Pair], width: int) -> NDArray[np.float16]:
    """Empty answers at all places."""
    places = sum(window.completion + 1 for window in windows)
    what = f"what the teacher says at {places:,} tokens"
    return room((places, width), what, "bring less text")


def _answer(model: Any, taught: TaughtTokens, rows: Sequence[int], *, check: bool) -> None:
    """Fill in what the teacher says to some windows."""
    import torch

    batch = to_device(taught.collate([taught[row] for row in rows]), model.device)
    learnt = batch.pop("learnt")
    read = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.inference_mode(), mixed_precision(model.device.type):
        hidden = model.base_model(**read, use_cache=False).last_hidden_state[learnt]
        if check:
            logits = model(**read, use_cache=False).logits[learnt]
            _require_same(taught.teacher_logits(hidden.half()), logits.float())
    answers = hidden.half().cpu().numpy()
    if not np.isfinite(answers).all():
        raise LeanstageError(
            "the teacher's last hidden states do not fit into float16, so that its answers cannot "
            "be kept."
        )
    begun = 0
    for row in rows:
        place = slice(taught.ends[row], taught.ends[row + 1])
        count = place.stop - place.start
        taught.hidden[place] = answers[begun : begun + count]
        begun += count


def _require_same(kept: Any, logits: Any) -> None:
    from leanstage.techniques.losses import distillation_loss

    apart = float(distillation_loss(kept, logits, 1.0).mean())
    if not apart < _SAME:
        raise LeanstageError(
            f"the teacher's answers do not follow from its last hidden state (they are {apart:.3f} "
            "nats a token apart), so that they cannot be kept."
        )
