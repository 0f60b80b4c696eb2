"""Rows answered in the calls that compute least, and the answers in the order of the rows."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanstage.variant import Predictor, Variant, load_predictor
from leanstage.variant.adopt import adopt
from leanstage.variant.forms import write_bf16, write_onnx
from leanstage.variant.hardware import device_type
from leanstage.variant.lengths import MOST_CELLS, cut_to_memory, groups_by_length
from leanstage.variant.predictor import ONNX_CALL_TOKENS, OnnxPredictor

Checkpoint = Callable[[str], Path]

SHORT = "a dreadful film"
LONG = " ".join(["the story of a wonderful quiet camera and a superb cast"] * 4)
MIXED = [LONG, SHORT, "quite moving", LONG + " always", SHORT + " rather", "brilliant"]


def cost(lengths: Sequence[int], groups: Sequence[Sequence[int]], call_tokens: int) -> int:
    return sum(call_tokens + len(rows) * max(lengths[row] for row in rows) for rows in groups)


def every_cut(ordered: list[int]) -> Iterator[list[list[int]]]:
    """All ways to cut rows, sorted by length, into calls."""
    inner = range(1, len(ordered))
    for count in range(len(ordered)):
        for cuts in combinations(inner, count):
            edges = (0, *cuts, len(ordered))
            yield [ordered[a:b] for a, b in pairwise(edges)]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(0, 120))
def test_no_other_cut_computes_less(lengths: list[int], call_tokens: int) -> None:
    groups = groups_by_length(lengths, call_tokens)
    assert sorted(row for rows in groups for row in rows) == list(range(len(lengths)))
    ordered = sorted(range(len(lengths)), key=lengths.__getitem__)
    least = min(cost(lengths, groups, call_tokens) for groups in every_cut(ordered))
    assert cost(lengths, groups, call_tokens) == least


@pytest.mark.parametrize(
    ("lengths", "call_tokens", "groups"),
    [
        ([50, 10, 12, 48], 16, [[1, 2], [3, 0]]),
        ([50, 10, 12, 48], 200, [[1, 2, 3, 0]]),
        ([9, 9, 9], 0, [[0, 1, 2]]),
        ([7], 16, [[0]]),
    ],
)
def test_cuts_worked_out_by_hand(
    lengths: list[int], call_tokens: int, groups: list[list[int]]
) -> None:
    assert groups_by_length(lengths, call_tokens) == groups


@given(st.lists(st.integers(1, 600), min_size=1, max_size=300))
def test_no_call_takes_more_memory_than_rows_need(lengths: list[int]) -> None:
    groups = groups_by_length(lengths, 118)
    calls = cut_to_memory(groups, lengths)
    assert [row for call in calls for row in call] == [row for group in groups for row in group]
    for call in calls:
        longest = max(lengths[row] for row in call)
        assert len(call) == 1 or len(call) * longest**2 <= MOST_CELLS
    assert cut_to_memory([[0, 1, 2, 3]], [128] * 4) == [[0, 1, 2, 3]]
    assert [len(call) for call in cut_to_memory([range(8)], [512] * 8)] == [4, 4]


@pytest.fixture(params=["bert", "distilbert", "roberta", "mpnet"])
def variant(request: pytest.FixtureRequest, tiny_checkpoint: Checkpoint, tmp_path: Path) -> Variant:
    return adopt(tiny_checkpoint(request.param), tmp_path / "variant")


def one_by_one(predictor: Predictor) -> np.ndarray:
    return np.concatenate([predictor.predict([text]) for text in MIXED])


def test_a_row_is_answered_the_same_in_whatever_company(variant: Variant, tmp_path: Path) -> None:
    torch_form = load_predictor(variant.path)
    onnx_form = load_predictor(write_onnx(variant, tmp_path / "onnx").path)
    expected = one_by_one(torch_form)
    assert expected.std() > 0.01, "the rows must differ for their order to show"
    for predictor in (torch_form, onnx_form):
        np.testing.assert_allclose(predictor.predict(MIXED), expected, atol=1e-5)


def test_bfloat16_answers_in_the_order_of_the_rows(
    tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    variant = adopt(tiny_checkpoint("bert"), tmp_path / "variant")
    predictor = load_predictor(write_bf16(variant, tmp_path / "bf16").path)
    np.testing.assert_allclose(predictor.predict(MIXED), one_by_one(predictor), atol=0.02)


def test_short_rows_are_not_padded_to_a_long_one(
    tiny_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = adopt(tiny_checkpoint("bert"), tmp_path / "variant")
    predictor = load_predictor(write_onnx(variant, tmp_path / "onnx").path)
    assert isinstance(predictor, OnnxPredictor)
    asked: list[tuple[int, ...]] = []
    answer = predictor._logits

    def record(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        asked.append(ids.shape)
        return answer(ids, mask)

    monkeypatch.setattr(predictor, "_logits", record)
    predictor.predict(MIXED)
    assert len(asked) > 1
    computed = sum(rows * tokens + ONNX_CALL_TOKENS for rows, tokens in asked)
    longest = max(tokens for _, tokens in asked)
    assert computed < len(MIXED) * longest + ONNX_CALL_TOKENS


@pytest.mark.skipif(device_type() != "cpu", reason="a GPU answers a padded batch in one call")
def test_a_call_counts_what_it_costs_in_its_precision(
    tiny_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = adopt(tiny_checkpoint("bert"), tmp_path / "variant")
    texts = ["film " * 23] * 2 + ["film " * 53] * 2
    for folder, calls in ((variant, 2), (write_bf16(variant, tmp_path / "bf16"), 1)):
        predictor = load_predictor(folder.path)
        asked: list[int] = []
        answer = predictor._logits

        def record(
            ids: np.ndarray, mask: np.ndarray, asked: list[int] = asked, answer: Any = answer
        ) -> np.ndarray:
            asked.append(len(ids))
            return answer(ids, mask)

        monkeypatch.setattr(predictor, "_logits", record)
        predictor.predict(texts)
        # Apart they save 60 tokens of padding: more than a call in float32, less than in bfloat16.
        assert len(asked) == calls
