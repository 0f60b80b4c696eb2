"""The students to try: one that was brought, fewer layers, narrower layers, fewer tokens."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from leanstage import progress
from leanstage.contracts import DistillSettings
from leanstage.distill.pretrained import reads_alike
from leanstage.distill.reading import Reading, settings_of
from leanstage.distill.student import (
    layers_to_keep,
    narrow_shape,
    narrow_student,
    shallow_student,
)
from leanstage.errors import InputError
from leanstage.prune.importance import Scores, importance
from leanstage.prune.shape import Shape, shape_of
from leanstage.techniques.attempts import Candidate
from leanstage.techniques.data import TaughtRows, within_reach
from leanstage.techniques.matching import check_states
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.search import save_checkpoint
from leanstage.techniques.taught import Taught
from leanstage.techniques.training import train_student
from leanstage.variant import Variant
from leanstage.variant.architectures import layers_of
from leanstage.variant.checkpoint import load_checkpoint
from leanstage.variant.hardware import device_type


@dataclass(frozen=True)
class Students:
    """What students are made of.

    Args:
        reading: how the teacher reads, with its answers to ``texts``, in their order.
        shorter: how students may learn to read, from the fewest tokens.
    """

    teacher: Variant
    reading: Reading
    shorter: Sequence[Reading]
    texts: Sequence[str]
    settings: DistillSettings
    seed: int

    def ladders(self, brought: Variant | None) -> tuple[list[list[Candidate]], list[str]]:
        """The student that was brought along, then depths and widths from the least up.

        Beside them, why depths and widths of the plan are no candidates.

        Raises:
            InputError: a student that the losses of the plan cannot be computed for.
        """
        first = [self._brought(brought)] if brought is not None else []
        (depths, too_deep), (widths, too_narrow) = self._depths(), self._widths()
        ladders = [ladder for ladder in (first, depths, widths) if ladder]
        return ladders, [*too_deep, *too_narrow]

    @cached_property
    def _model(self) -> Any:
        return load_checkpoint(self.teacher.path, attention="eager")

    def _rows(self, reading: Reading) -> Taught:
        rows = reading.answers.taught
        assert rows is not None, "students are made where there is text to learn from"
        return rows

    def _brought(self, student: Variant) -> Candidate:
        name = "the student that was brought along"
        rows = self._rows(self.reading)
        alike = reads_alike(student, self.reading.variant)
        if not alike and isinstance(rows, TaughtRows):
            rows = rows.read_by(student, self.texts)
        width = shape_of(load_checkpoint(student.path)).hidden
        recipe = self._recipe(f"training {name}", width, rows)
        chosen = {"student": student.digest, **recipe.described()}
        if alike:
            chosen |= settings_of(student, self.teacher)

        def make(target: Path) -> Variant:
            model: Any = load_checkpoint(student.path, attention="eager").float()
            train_student(model, rows, recipe)
            return save_checkpoint(model, student, target)

        # Also one that reads alike: its files may say the same in other words.
        return Candidate(name, chosen, make, own_tokenizer=True)

    def _depths(self) -> tuple[list[Candidate], list[str]]:
        if not self.settings.depths:
            return [], []
        total = len(layers_of(self._model))
        kept: set[tuple[int, ...]] = set()
        left_out = []
        for depth in self.settings.depths:
            layers = tuple(layers_to_keep(total, depth))
            if len(layers) < total:
                kept.add(layers)
            else:
                left_out.append(f"a depth of {depth:g} leaves out none of {total} layers")
        if kept and self.shorter:
            # Of a long text even the first training takes long: one search for all depths.
            kept |= self._further_depths
        return [self._depth(layers, self.reading) for layers in _shallow(kept)], left_out

    @cached_property
    def _further_depths(self) -> set[tuple[int, ...]]:
        total = len(layers_of(self._model))
        return {tuple(layers_to_keep(total, depth)) for depth in self.settings.further_depths}

    def beyond(self, layers: int) -> list[Candidate]:
        """Students of fewer layers than ``layers``, where the first search had none of fewer."""
        total = len(layers_of(self._model))
        least = min(len(layers_to_keep(total, depth)) for depth in self.settings.depths)
        if self.shorter or layers > least:
            return []
        fewer = [each for each in self._further_depths if len(each) < layers]
        return [self._depth(each, self.reading) for each in _shallow(fewer)]

    def reading_less(self, layers: Sequence[int]) -> list[Candidate]:
        """Students of these layers that learn to read fewer tokens, from the fewest."""
        return [self._depth(tuple(layers), reading) for reading in self.shorter]

    def _depth(self, layers: tuple[int, ...], reading: Reading) -> Candidate:
        total = len(layers_of(self._model))
        name = f"{len(layers)} of {total} layers"
        if reading is not self.reading:
            name += f", the first {reading.variant.manifest.max_length} tokens"
        chosen = {
            "layers": list(layers),
            "of": total,
            **self._recipe("").described(),
            **settings_of(reading.variant, self.teacher),
        }

        def make(target: Path) -> Variant:
            student = shallow_student(self._model, list(layers))
            recipe = self._recipe(f"training a student of {name}")
            train_student(student, self._rows(reading), recipe)
            return save_checkpoint(student, reading.variant, target)

        return Candidate(name, chosen, make, parent=reading.variant)

    def _widths(self) -> tuple[list[Candidate], list[str]]:
        if not self.settings.widths:
            return [], []
        shape = shape_of(self._model)
        shapes: list[Shape] = []
        left_out = []
        for width in sorted(self.settings.widths):
            try:
                found = narrow_shape(self._model, width)
            except InputError as error:
                left_out.append(str(error).rstrip("."))
                continue
            if found == shape:
                left_out.append(f"a width of {width:g} leaves out nothing of {shape}")
            elif found not in shapes:
                shapes.append(found)
        return [self._width(found, shape) for found in shapes], left_out

    def _width(self, shape: Shape, of: Shape) -> Candidate:
        left = {name: size for name, size in asdict(shape).items() if size != asdict(of)[name]}
        recipe = self._recipe(f"training a student of {shape}", shape.hidden)
        chosen = {
            **left,
            "of": {name: asdict(of)[name] for name in left},
            **recipe.described(),
            **settings_of(self.reading.variant, self.teacher),
        }

        def make(target: Path) -> Variant:
            student = narrow_student(self._model, shape, self._scores)
            train_student(student, self._rows(self.reading), recipe)
            return save_checkpoint(student, self.reading.variant, target)

        return Candidate(str(shape), chosen, make, parent=self.reading.variant)

    @cached_property
    def _scores(self) -> Scores:
        """What the teacher's own answers depend on."""
        progress.step("asking what the answers depend on")
        model = self._model.float().to(device_type())
        size = self.settings.batch_size // self.settings.accumulation
        return importance(model, self._rows(self.reading), "taylor", batch_size=size)

    def _recipe(self, message: str, width: int | None = None, rows: Taught | None = None) -> Recipe:
        """How a student ``width`` wide learns the rows; both are the teacher's if not given.

        Raises:
            InputError: a loss that cannot be computed for it.
        """
        rows = rows or self._rows(self.reading)
        recipe = Recipe.of(within_reach(self.settings, rows), seed=self.seed, message=message)
        if isinstance(rows, TaughtRows):
            check_states(width or shape_of(self._model).hidden, rows.states, recipe)
        return recipe


def _shallow(kept: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """From the fewest layers."""
    return sorted(kept, key=len)
