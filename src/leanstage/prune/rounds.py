"""One ratio after another, each in rounds: score, cut, recover."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from leanstage import progress
from leanstage.contracts.plan import PruneSettings
from leanstage.errors import InputError
from leanstage.prune.cut import cut
from leanstage.prune.importance import Scores, importance
from leanstage.prune.shape import Shape, shape_of, target_shape
from leanstage.techniques.attempts import Candidate
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.search import save_checkpoint
from leanstage.techniques.taught import Taught
from leanstage.techniques.training import train_student
from leanstage.variant import Variant
from leanstage.variant.hardware import device_type


@dataclass(frozen=True)
class Pruning:
    """What is pruned, and how.

    Args:
        unpruned: the model of ``parent`` in float32; it stays as it is.
        rows: the teacher's answers that importance is asked of and recovery learns from.
    """

    unpruned: Any
    parent: Variant
    rows: Taught
    settings: PruneSettings
    seed: int

    def ladder(self) -> tuple[list[Candidate], list[str]]:
        """Candidates from the largest saving down, and why others are none."""
        return self._candidates(self.settings.ratios)

    def beyond(self, ratio: float) -> list[Candidate]:
        """Those of the further ratios that remove more than ``ratio``."""
        more = [further for further in self.settings.further_ratios if further > ratio]
        return self._candidates(more)[0]

    def _candidates(self, ratios: Sequence[float]) -> tuple[list[Candidate], list[str]]:
        shape = shape_of(self.unpruned)
        candidates: dict[Shape, Candidate] = {}
        left_out = []
        for ratio in sorted(ratios, reverse=True):
            try:
                shapes = rounds(shape, ratio, self.settings)
            except InputError as error:
                left_out.append(str(error).rstrip("."))
                continue
            if not shapes:
                left_out.append(f"the ratio {ratio:g} removes nothing of {shape}")
            elif shapes[-1] not in candidates:
                candidates[shapes[-1]] = self._candidate(ratio, shapes)
        return list(candidates.values()), left_out

    def _candidate(self, ratio: float, shapes: Sequence[Shape]) -> Candidate:
        recipe = Recipe.of(self.settings, seed=self.seed, message="")
        of = asdict(shape_of(self.unpruned))
        left = {name: size for name, size in asdict(shapes[-1]).items() if size != of[name]}
        chosen = {
            "ratio": ratio,
            **left,
            "of": {name: of[name] for name in left},
            "importance": self.settings.importance,
            "rounds": len(shapes),
            **recipe.described(),
        }
        return Candidate(str(shapes[-1]), chosen, lambda path: self._make(shapes, path))

    def _make(self, shapes: Sequence[Shape], path: Path) -> Variant:
        model = self.unpruned
        for shape in shapes:
            scores = self._scores if model is self.unpruned else self._ask(model)
            model = cut(model, shape, scores)
            message = f"recovering at {shape}"
            train_student(
                model, self.rows, Recipe.of(self.settings, seed=self.seed, message=message)
            )
        return save_checkpoint(model, self.parent, path)

    @cached_property
    def _scores(self) -> Scores:
        return self._ask(self.unpruned)

    def _ask(self, model: Any) -> Scores:
        progress.step("asking what the answers depend on")
        model.to(device_type())
        size = self.settings.batch_size // self.settings.accumulation
        return importance(model, self.rows, self.settings.importance, batch_size=size)


def rounds(shape: Shape, ratio: float, settings: PruneSettings) -> list[Shape]:
    """The shape after each round, the last with ``ratio`` removed; empty where it rounds to none.

    Each round removes the same share of what there was at the start, ``most_per_round`` at most.

    Raises:
        InputError: see :func:`target_shape`.
    """
    # What the ratio as a whole leaves is refused before a round is.
    target_shape(shape, ratio, settings.dimensions)
    count = math.ceil(ratio / settings.most_per_round - 1e-9)
    found = [shape]
    for number in range(1, count + 1):
        share = ratio * number / count
        target = target_shape(shape, share, settings.dimensions, within=found[-1])
        if target != found[-1]:
            found.append(target)
    return found[1:]
