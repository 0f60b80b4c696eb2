"""Prompts and completions to token ids, the same way in training, evaluation and serving."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from leanstage.variant.tokens import open_tokenizer


@dataclass(frozen=True)
class Pair:
    """Token ids of a prompt and its completion, of which the first ``start`` are the prompt's."""

    ids: list[int]
    start: int

    @property
    def completion(self) -> int:
        """How many tokens the completion has."""
        return len(self.ids) - self.start


class CausalEncoder:
    """The fast tokenizer of a variant that generates.

    What the tokenizer puts before a text stays, such as a token for its beginning; what it puts
    behind one is left out, since the text goes on. What is longer than ``max_length`` tokens loses
    its beginning: the end is what is to be continued.
    """

    def __init__(self, folder: Path, max_length: int) -> None:
        self._tokenizer = open_tokenizer(folder)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._max_length = max_length

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text as the beginning of more, not truncated, not padded."""
        found = []
        for row in self._tokenizer.encode_batch(list(texts)):
            behind = sum(1 for _ in takewhile(bool, reversed(row.special_tokens_mask)))
            kept = row.ids[: len(row.ids) - behind]
            # An empty text is all special tokens, of which those in front are to stay.
            found.append(kept or row.ids[:1])
        return found

    def prompts(self, texts: Sequence[str], room: int) -> list[list[int]]:
        """Token ids of each prompt, cut so that ``room`` more fit."""
        return [row[-max(1, self._max_length - room) :] for row in self.ids(texts)]

    def pairs(self, prompts: Sequence[str], completions: Sequence[str]) -> list[Pair]:
        """Every prompt with its completion.

        The ids of a prompt are those that a model is asked with. Where the tokenizer would merge
        its end with the beginning of the completion, the completion is encoded by itself.
        """
        whole = self.ids([one + more for one, more in zip(prompts, completions, strict=True)])
        alone = self._tokenizer.encode_batch(list(completions), add_special_tokens=False)
        found = []
        for asked, both, rest in zip(self.ids(prompts), whole, alone, strict=True):
            ids = both if both[: len(asked)] == asked else asked + rest.ids
            dropped = max(0, len(ids) - self._max_length)
            # The first token has nothing before it from which it could be told.
            found.append(Pair(ids[dropped:], max(1, len(asked) - dropped)))
        return found

    def text(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))
