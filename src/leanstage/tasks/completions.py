"""Rows to be continued: a prompt and its completion, or a text whose last word that is."""

from collections.abc import Sequence
from typing import Any

from leanstage.contracts import RowForm, Split
from leanstage.errors import InputError
from leanstage.tasks.reading import Row

PROMPT = "prompt"
COMPLETION = "completion"
TEXT = "text"


def form_of(row: Row, uri: str, split: Split) -> RowForm:
    """The form of a whole file by its first row.

    Raises:
        InputError: neither prompt and completion nor text.
    """
    if PROMPT in row and COMPLETION in row:
        return "completion"
    if TEXT in row:
        return "text"
    there = ", ".join(map(str, list(row)[:12])) or "nothing"
    raise InputError(
        f"{uri}, row 1 has {there}; every row of the {split} split of a model that generates needs "
        "'prompt' and 'completion', or 'text'."
    )


def read_pairs(rows: Sequence[Row], uri: str, split: Split) -> tuple[RowForm, list[str], list[str]]:
    """``(form, prompts, completions)`` of all rows; a prompt and its completion are one text.

    What separates the two is part of the completion, where the row has it at the end of the prompt:
    tokenizers keep a space with the word behind it.

    Raises:
        InputError: rows of several forms, without text, or of one word, where nothing is left to
            be asked.
    """
    form = form_of(rows[0], uri, split)
    pair = _given if form == "completion" else _last_word
    pairs = [pair(row, f"{uri}, row {number}") for number, row in enumerate(rows, start=1)]
    return form, [prompt for prompt, _ in pairs], [completion for _, completion in pairs]


def joined(prompts: Sequence[str], completions: Sequence[str]) -> list[str]:
    """The texts that prompts and completions make together; the prompts where there are none."""
    if not completions:
        return list(prompts)
    return [prompt + more for prompt, more in zip(prompts, completions, strict=True)]


def row_of(form: RowForm, prompt: str, completion: str) -> Row:
    """The row that :func:`read_pairs` reads as this prompt and completion."""
    if form == "text":
        return {TEXT: prompt + completion}
    return {PROMPT: prompt, COMPLETION: completion}


def _given(row: Row, where: str) -> tuple[str, str]:
    prompt, completion = (_filled(row, name, where) for name in (PROMPT, COMPLETION))
    return _moved(prompt, completion)


def _last_word(row: Row, where: str) -> tuple[str, str]:
    """The last word of a text is asked for (Paperno et al. 2016, LAMBADA)."""
    text = _filled(row, TEXT, where).strip()
    *before, word = text.rsplit(maxsplit=1)
    if not before:
        raise InputError(
            f"{where} has one word only; a text needs at least two, since its last word is what "
            "the model is asked for."
        )
    return _moved(text[: len(text) - len(word)], word)


def _moved(prompt: str, completion: str) -> tuple[str, str]:
    kept = prompt.rstrip()
    return kept, prompt[len(kept) :] + completion


def _filled(row: Row, name: str, where: str) -> str:
    value: Any = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where} has no {name!r}; every row needs a non-empty one, as row 1 has.")
    return value
