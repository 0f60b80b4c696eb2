"""Text to token ids, the same way in training, evaluation and serving."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leanstage.errors import InputError
from leanstage.variant.checkpoint import read_config

_CHARACTERS_A_TOKEN = 6
"""Of a text's beginning: half as many again as English has, so that few texts are read twice."""


def open_tokenizer(folder: Path) -> Any:
    """The fast tokenizer in ``folder``.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"{folder} holds no tokenizer.json; save the model with its tokenizer.")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust side raises bare Exception
        raise InputError(f"{path} is not a tokenizer: {error}.") from error


class TextEncoder:
    """The fast tokenizer of a variant.

    Of a long text only the beginning is read, where that gives the same tokens.
    """

    def __init__(self, folder: Path, max_length: int) -> None:
        self._tokenizer = open_tokenizer(folder)
        self._tokenizer.enable_truncation(max_length)
        self._tokenizer.no_padding()
        self._max_length = max_length
        self._splits_at_spaces = _splits_at_spaces(self._tokenizer)
        self.pad_id = int(read_config(folder).get("pad_token_id") or 0)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special tokens included, truncated, not padded."""
        heads = [self._head(text) for text in texts]
        rows = [row.ids for row in self._tokenizer.encode_batch_fast(heads)]
        short = [
            number
            for number, row in enumerate(rows)
            if len(row) < self._max_length and len(heads[number]) < len(texts[number])
        ]
        if short:
            whole = self._tokenizer.encode_batch_fast([texts[number] for number in short])
            for number, row in zip(short, whole, strict=True):
                rows[number] = row.ids
        return rows

    def _head(self, text: str) -> str:
        """As much of a text as is likely to be enough, up to a space."""
        room = _CHARACTERS_A_TOKEN * self._max_length
        if len(text) <= room or not self._splits_at_spaces:
            return text
        end = max(text.rfind(" ", 0, room), text.rfind("\n", 0, room))
        return text[:end] if end > 0 else text


def _splits_at_spaces(tokenizer: Any) -> bool:
    """Whether no token reaches over a space, so that a text's beginning has its first tokens.

    Known of these kinds; of any other it is not looked for.
    """
    splits = type(tokenizer.pre_tokenizer).__name__ in {
        "BertPreTokenizer",
        "Whitespace",
        "WhitespaceSplit",
    }
    plain = type(tokenizer.normalizer).__name__ in {"NoneType", "BertNormalizer", "Lowercase"}
    added = (str(token.content) for token in tokenizer.get_added_tokens_decoder().values())
    return splits and plain and not any(" " in token or "\n" in token for token in added)


def pad_rows(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[Any, Any]:
    """``(input_ids, attention_mask)``, each an int64 array of shape (rows, longest row)."""
    import numpy as np

    shape = (len(rows), max(len(row) for row in rows))
    ids = np.full(shape, pad_id, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return ids, mask


def check_tokenizer(folder: Path, *, vocabulary: int, pad_id: int | None) -> None:
    """Refuse a tokenizer that cannot be this model's.

    Raises:
        InputError: ids beyond the embedding, a vocabulary far smaller than it, or another
            padding token than the model was configured with.
    """
    path = folder / "tokenizer.json"
    tokenizer = open_tokenizer(folder)
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    largest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    advice = "the tokenizer belongs to another model: save the model with its own."
    if largest >= vocabulary:
        raise InputError(
            f"{path} gives token ids up to {largest}, but the model embeds {vocabulary}; {advice}"
        )
    if size < 0.9 * vocabulary:
        raise InputError(f"{path} knows {size} tokens, but the model embeds {vocabulary}; {advice}")
    declared = _declared_pad_token(folder)
    if declared is not None and pad_id is not None and tokenizer.token_to_id(declared) != pad_id:
        raise InputError(
            f"{folder}: the tokenizer pads with {declared} (id {tokenizer.token_to_id(declared)}), "
            f"the model with id {pad_id}; {advice}"
        )


def _declared_pad_token(folder: Path) -> str | None:
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return None
    try:
        token = json.loads(path.read_text(encoding="utf-8")).get("pad_token")
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}.") from error
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) else None
