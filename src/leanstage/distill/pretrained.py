"""A pretrained checkpoint as a student: a head for the task, a tokenizer of its own."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leanstage.errors import InputError
from leanstage.techniques.answers import reader_of
from leanstage.techniques.spread import some
from leanstage.variant import Variant
from leanstage.variant.adopt import SINGLE_LABEL, adopt, bring_tokenizer
from leanstage.variant.architectures import family_of, layers_of
from leanstage.variant.checkpoint import from_folder, load_checkpoint, read_config
from leanstage.variant.tokens import open_tokenizer

SAMPLE = 1000
"""Texts on which a tokenizer is tried."""
MOST_UNKNOWN = 0.5
"""Share of tokens that a tokenizer may not know; text with more of them says nothing."""


def bring_student(
    folder: Path, teacher: Variant, target: Path, *, texts: Sequence[str], seed: int
) -> Variant:
    """Write the checkpoint in ``folder`` as a variant that answers as many classes as the teacher.

    A head that is missing, or for another number of classes, is initialised from ``seed``; it is
    to be trained.

    Args:
        texts: what the student is to learn from.

    Raises:
        InputError: not smaller than the teacher, of another task or, where it writes, for another
            number of tokens, weights of its encoder missing, or a tokenizer that is not its own or
            does not know the texts.
    """
    config = read_config(folder)
    task = family_of(str(config.get("model_type")), where=str(folder)).task
    if task != teacher.manifest.task:
        raise InputError(
            f"the student in {folder} is for {task}, and the teacher for {teacher.manifest.task}; "
            "bring a student for the same task."
        )
    if task == "text-generation":
        _refuse_other_words(config, read_config(teacher.path), folder)
        student = adopt(folder, target)
    else:
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            _with_head(folder, teacher.manifest.labels, seed).save_pretrained(scratch)
            bring_tokenizer(folder, Path(scratch))
            student = adopt(scratch, target)
    _refuse_larger(student, teacher, folder)
    _refuse_unknown(student, texts, folder)
    return student


def reads_alike(one: Variant, other: Variant) -> bool:
    """Whether two variants make the same tokens of every text."""
    return reader_of(one) == reader_of(other)


def _with_head(folder: Path, labels: Sequence[str], seed: int) -> Any:
    import torch

    torch.manual_seed(seed)
    model, report = from_folder(
        folder,
        "text-classification",
        "a student",
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={name: index for index, name in enumerate(labels)},
        problem_type=SINGLE_LABEL,
        ignore_mismatched_sizes=True,
    )
    _name_classes(model, read_config(folder), labels)
    encoder = f"{model.base_model_prefix}."
    mismatched = [key if isinstance(key, str) else key[0] for key in report["mismatched_keys"]]
    lacking = [
        key
        for key in sorted({*report["missing_keys"], *mismatched})
        # Pretraining on words alone leaves a pooler out.
        if key.startswith(encoder) and ".pooler." not in key
    ]
    if lacking:
        raise InputError(
            f"the student in {folder} lacks {len(lacking)} weights of its encoder (first: "
            f"{lacking[0]}), which would start at random; bring a pretrained checkpoint that is "
            "whole."
        )
    return model.float()


def _name_classes(model: Any, config: dict[str, Any], labels: Sequence[str]) -> None:
    """Let a head that was trained answer the teacher's classes in the teacher's order.

    One that was trained on other classes starts anew. ``LABEL_0`` and the like name none.
    """
    import torch

    named = config.get("id2label")
    own = [str(named[key]) for key in sorted(named, key=int)] if isinstance(named, dict) else []
    if not own or any(name.startswith("LABEL_") for name in own):
        return
    own, wanted = [name.casefold() for name in own], [name.casefold() for name in labels]
    if own == wanted:
        return
    head = [
        module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and not name.startswith(f"{model.base_model_prefix}.")
        and module.out_features == len(labels)
    ][-1]
    with torch.no_grad():
        if sorted(own) == sorted(wanted):
            order = [own.index(name) for name in wanted]
            head.weight.copy_(head.weight[order])
            head.bias.copy_(head.bias[order])
        else:
            head.weight.normal_(std=float(getattr(model.config, "initializer_range", 0.02)))
            head.bias.zero_()


def _refuse_other_words(config: dict[str, Any], teacher: dict[str, Any], folder: Path) -> None:
    """Two of one tokenizer may still be padded to other sizes, whose logits cannot be compared."""
    own, given = config.get("vocab_size"), teacher.get("vocab_size")
    if own != given:
        raise InputError(
            f"the student in {folder} says how likely {own} tokens are, the teacher {given}; "
            "bring a student with as many, or resize its embeddings."
        )


def _refuse_larger(student: Variant, teacher: Variant, folder: Path) -> None:
    """Of its layers alone: an answer costs what they do, however many words the model knows."""
    own, given = _in_layers(student), _in_layers(teacher)
    if own >= given:
        raise InputError(
            f"the student in {folder} has {own:,} weights in its layers, the teacher {given:,}: it "
            "would save nothing; bring a smaller one."
        )


def _in_layers(variant: Variant) -> int:
    return sum(weights.numel() for weights in layers_of(load_checkpoint(variant.path)).parameters())


def _refuse_unknown(student: Variant, texts: Sequence[str], folder: Path) -> None:
    tokenizer = open_tokenizer(student.path)
    # Many a checkpoint's own pads every text to a length, with tokens that are known.
    tokenizer.no_padding()
    unknown = _unknown_id(tokenizer, student.path / "tokenizer.json")
    rows = tokenizer.encode_batch(some(texts, SAMPLE), add_special_tokens=False)
    ids = [number for row in rows for number in row.ids]
    share = sum(number == unknown for number in ids) / len(ids) if ids else 1.0
    if share > MOST_UNKNOWN:
        raise InputError(
            f"the tokenizer of the student in {folder} makes unknown tokens of {share:.0%} of the "
            "text to learn from; bring a student that was pretrained on its language."
        )


def _unknown_id(tokenizer: Any, path: Path) -> int | None:
    """Id of the token for what the vocabulary lacks; None where bytes make up for it."""
    model = json.loads(path.read_text(encoding="utf-8"))["model"]
    if model.get("unk_id") is not None:
        return int(model["unk_id"])
    token = model.get("unk_token")
    return None if token is None else tokenizer.token_to_id(token)
