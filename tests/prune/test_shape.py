"""Shapes that are asked for: as near to the ratio as a config can say, or refused in a sentence."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leanstage.contracts import PruneSettings
from leanstage.contracts.plan import Dimension
from leanstage.errors import InputError
from leanstage.prune.rounds import rounds
from leanstage.prune.shape import Shape, target_shape

MINILM = Shape(6, 384, 12, 12, 32, 1536, tied=True)
SMOLLM = Shape(30, 576, 9, 3, 64, 1536, tied=False)
EIGHT = Shape(4, 256, 8, 8, 64, 1024, tied=False)
DIMENSIONS = get_args(Dimension)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    keys, group, head_dim = draw(st.tuples(*[st.integers(1, 8)] * 2, st.sampled_from([16, 64])))
    heads = keys * group
    tied = draw(st.booleans())
    hidden = heads * head_dim if tied else heads * 8 * draw(st.integers(1, 12))
    layers, neurons = draw(st.integers(2, 40)), 32 * draw(st.integers(1, 100))
    return Shape(layers, hidden, heads, heads if tied else keys, head_dim, neurons, tied)


@given(
    shape=shapes(),
    ratio=st.floats(0.01, 0.95),
    dimensions=st.lists(st.sampled_from(DIMENSIONS), min_size=1, unique=True),
    most=st.sampled_from([0.2, 0.34, 0.5, 1.0]),
)
def test_every_round_is_a_shape_that_loads_and_nothing_grows(
    shape: Shape, ratio: float, dimensions: list[Any], most: float
) -> None:
    settings = PruneSettings(dimensions=tuple(dimensions), most_per_round=most)
    try:
        found = rounds(shape, ratio, settings)
    except InputError:
        assume(False)
    for before, after in zip([shape, *found], found, strict=False):
        assert before != after
        for size in ("layers", "hidden", "heads", "kv_heads", "intermediate"):
            assert 0 < getattr(after, size) <= getattr(before, size)
        assert after.heads % after.kv_heads == 0
        assert after.heads // after.kv_heads <= before.heads // before.kv_heads
        assert after.hidden % after.heads == 0
        assert after.head_dim == shape.head_dim
        assert after.intermediate % 32 == 0
        if shape.tied:
            assert after.hidden == after.heads * after.head_dim


@pytest.mark.parametrize(
    ("shape", "dimensions", "ratio", "left"),
    [
        (MINILM, ["feed_forward"], 0.5, {"intermediate": 768}),
        (MINILM, ["feed_forward"], 0.33, {"intermediate": 1024}),
        (MINILM, ["heads"], 0.25, {"heads": 9, "kv_heads": 9, "hidden": 288}),
        (MINILM, ["hidden"], 0.25, {"heads": 9, "kv_heads": 9, "hidden": 288}),
        (MINILM, ["layers"], 0.4, {"layers": 4}),
        (SMOLLM, ["heads"], 0.34, {"heads": 6, "kv_heads": 2}),
        (SMOLLM, ["heads"], 0.45, {"heads": 4, "kv_heads": 2}),
        (SMOLLM, ["heads"], 0.1, {}),
        # Five or six heads do not divide the hidden size, which transformers asks for.
        (EIGHT, ["heads"], 0.375, {"heads": 4, "kv_heads": 4}),
        (EIGHT, ["heads", "hidden"], 0.375, {"heads": 5, "kv_heads": 5, "hidden": 160}),
        (SMOLLM, ["hidden"], 0.25, {"hidden": 432}),
    ],
)
def test_what_is_left_is_nearest_to_the_ratio(
    shape: Shape, dimensions: list[Any], ratio: float, left: dict[str, int]
) -> None:
    assert target_shape(shape, ratio, dimensions) == replace(shape, **left)


@pytest.mark.parametrize(
    ("shape", "dimensions", "ratio", "sentence"),
    [
        (MINILM, ["heads"], 0.97, "the ratio 0.97 does not leave a head of 12; give a smaller one"),
        (SMOLLM, ["heads"], 0.96, "the ratio 0.96 does not leave a head of 9"),
        (SMOLLM, ["hidden"], 0.95, "does not leave a hidden channel of 576"),
        (MINILM, ["feed_forward"], 0.99, "does not leave 32 feed-forward neurons of 1536"),
        (MINILM, ["layers"], 0.8, "does not leave two layers of 6"),
        (MINILM, ["layers"], 1.0, "the ratio 1 is no share of a model; give one between 0 and 1"),
        (MINILM, ["heads"], -0.5, "the ratio -0.5 is no share of a model"),
        (MINILM, ["heads"], float("nan"), "the ratio nan is no share of a model"),
    ],
)
def test_a_ratio_that_leaves_nothing_is_refused_in_a_sentence(
    shape: Shape, dimensions: list[Any], ratio: float, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        target_shape(shape, ratio, dimensions)


def test_a_large_ratio_is_reached_in_rounds_of_like_size() -> None:
    settings = PruneSettings(dimensions=("feed_forward", "layers"), most_per_round=0.34)
    found = [(shape.layers, shape.intermediate) for shape in rounds(SMOLLM, 0.6, settings)]
    assert found == [(21, 1088), (12, 608)]
    assert len(rounds(SMOLLM, 0.34, settings)) == 1
    assert rounds(replace(SMOLLM, intermediate=32, layers=2), 0.2, settings) == []
