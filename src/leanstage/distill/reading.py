"""How much of a text is read: what the teacher can do with, and what a student can learn."""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leanstage import progress
from leanstage.tasks import SplitFolder
from leanstage.techniques.answers import Answers
from leanstage.techniques.record import Record
from leanstage.techniques.search import Budget, compare, most_saving, tried
from leanstage.variant import MANIFEST, Variant, fresh_folder, open_variant
from leanstage.variant.digest import regular_files
from leanstage.variant.folder import link_or_copy, seal_like
from leanstage.variant.tokens import TextEncoder

LEAST_SAVING = 0.1
"""Share of the tokens that a length has to spare to be worth a trial."""


class Reading:
    """The teacher as it reads a text to one length, and its answers to rows that are read so.

    Args:
        ask: lets the teacher answer; called once, when the answers are first needed.
    """

    def __init__(self, variant: Variant, ask: Callable[[Variant], Answers]) -> None:
        self.variant = variant
        self._ask = ask

    @cached_property
    def answers(self) -> Answers:
        """The teacher's answers, to the whole of each text, with the tokens that are read of it."""
        return self._ask(self.variant)


def shortest_reading(
    teacher: Variant,
    lengths: Sequence[int],
    *,
    record: Record,
    budget: Budget,
    reference: NDArray[np.float32],
    validation: SplitFolder,
    folder: Path,
) -> Variant | None:
    """The teacher as it reads the fewest tokens that its answers can do with; None: all of them.

    Args:
        lengths: most tokens of a text, special tokens included; those that spare less than a tenth
            of the validation split's are left out.
        budget: what may be lost by it; what a student wins back again is not counted on.
        reference: the teacher's own answers on ``validation``.
        folder: an empty one on the file system of the result.
    """
    found: dict[int, Variant] = {}

    def fits(length: int) -> bool:
        variant = read_less(teacher, length, folder / str(length))
        figures, cost = compare(variant, reference, validation)
        passes, reason = budget.judge(figures, validation.info.form)
        record.trials.append(
            tried(
                variant.manifest,
                passes,
                reason,
                settings=settings_of(variant, teacher),
                validation=figures,
                limit=budget.limit,
                ms_per_answer=cost,
            )
        )
        progress.step(f"the first {length} tokens: {reason}")
        if passes:
            found[length] = variant
        return passes

    chosen = most_saving(sparing(teacher, lengths, validation), fits)
    return None if chosen is None else found[chosen]


def settings_of(variant: Variant, teacher: Variant) -> dict[str, int]:
    """What names a reading among the settings of a step; empty where all is read."""
    if variant.manifest.max_length == teacher.manifest.max_length:
        return {}
    return {"tokens": variant.manifest.max_length, "of_tokens": teacher.manifest.max_length}


def sparing(teacher: Variant, lengths: Sequence[int], validation: SplitFolder) -> list[int]:
    """The lengths that spare enough, from the shortest."""
    most = (1 - LEAST_SAVING) * _mean_tokens(teacher, teacher.manifest.max_length, validation)
    shorter = sorted({length for length in lengths if length < teacher.manifest.max_length})
    return [length for length in shorter if _mean_tokens(teacher, length, validation) <= most]


def halves(teacher: Variant, length: int, validation: SplitFolder) -> bool:
    """Whether reading to ``length`` spares half of the tokens that the teacher reads."""
    whole = _mean_tokens(teacher, teacher.manifest.max_length, validation)
    return 2 * _mean_tokens(teacher, length, validation) <= whole


def _mean_tokens(teacher: Variant, length: int, validation: SplitFolder) -> float:
    encoder = TextEncoder(teacher.path, length)
    return float(np.mean([len(row) for row in encoder.ids(validation.texts)]))


def read_less(teacher: Variant, length: int, target: Path) -> Variant:
    """The same model with a tokenizer that cuts a text after ``length`` tokens."""
    with fresh_folder(target) as draft:
        for relative, path in regular_files(teacher.path):
            if relative not in (MANIFEST, "tokenizer.json", "tokenizer_config.json"):
                link_or_copy(path, draft / relative)
        _cut(teacher.path, draft, length)
        seal_like(teacher, draft, max_length=length)
    return open_variant(target)


def _cut(source: Path, draft: Path, length: int) -> None:
    """Tell the length to whatever reads these files, not to our own predictor alone."""
    tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    if tokenizer.get("truncation"):
        tokenizer["truncation"]["max_length"] = length
    (draft / "tokenizer.json").write_text(
        json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8"
    )
    path = source / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    (draft / path.name).write_text(
        json.dumps({**config, "model_max_length": length}, indent=2), encoding="utf-8"
    )
