"""Rows that ask for text: what is asked, what is refused, and what is kept of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leanstage.errors import InputError
from leanstage.tasks import (
    Examples,
    check_training,
    hold_out,
    open_split,
    overlap,
    read_labelled,
    write_split,
)


@pytest.fixture
def rows(tmp_path: Path) -> Callable[..., str]:
    def write(*given: dict[str, Any]) -> str:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in given))
        return str(path)

    return write


def read(uri: str, **options: Any) -> Examples:
    return read_labelled(uri, (), split="evaluation", **options)


def test_the_last_word_of_a_text_is_asked_for(rows: Callable[..., str]) -> None:
    found = read(rows({"text": " the fox sleeps\nin the  forest. "}))
    assert (found.form, found.texts) == ("text", ["the fox sleeps\nin the"])
    assert found.completions == ["  forest."]
    assert found.whole == ["the fox sleeps\nin the  forest."]


def test_a_space_goes_with_the_word_behind_it(rows: Callable[..., str]) -> None:
    found = read(rows({"prompt": "two and two is ", "completion": "four"}))
    assert (found.form, found.texts, found.completions) == (
        "completion",
        ["two and two is"],
        [" four"],
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([{"label": 1}], "row 1 has label; every row of the evaluation split of a model that"),
        ([{"text": "one"}], "row 1 has one word only"),
        ([{"text": "a b"}, {"text": " "}], "row 2 has no 'text'"),
        ([{"text": "a b"}, {"prompt": "a", "completion": "b"}], "row 2 has no 'text'"),
        ([{"prompt": "a", "completion": ""}], "row 1 has no 'completion'"),
        ([{"prompt": 3, "completion": "b"}], "row 1 has no 'prompt'"),
    ],
)
def test_what_asks_nothing_is_refused(
    rows: Callable[..., str], given: list[dict[str, Any]], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        read(rows(*given))


@pytest.mark.parametrize("name", ["text", "prompt", "completion"])
def test_what_a_row_asks_is_no_slice(rows: Callable[..., str], name: str) -> None:
    with pytest.raises(InputError, match=f"column '{name}' of .* cannot be read as slices"):
        read(rows({"prompt": "a", "completion": "b", "text": "c d"}), columns=[name])


@pytest.mark.parametrize(
    "row",
    [
        {"text": "the fox sleeps in the forest", "lang": "en"},
        {"prompt": "the fox sleeps in the ", "completion": "forest", "lang": "en"},
    ],
)
def test_a_split_is_read_as_it_was_written(
    rows: Callable[..., str], tmp_path: Path, row: dict[str, str]
) -> None:
    examples = read(rows(row, row), columns=["lang"])
    info = write_split(tmp_path / "split", examples, split="evaluation", labels=())
    split = open_split(tmp_path / "split")
    assert split.info == info
    assert (split.info.form, split.labels) == (examples.form, [])
    assert (split.texts, split.completions) == (examples.texts, examples.completions)
    assert split.whole == ["the fox sleeps in the forest"] * 2
    assert split.slices["lang"].values == ("en",)


def test_rows_without_classes_are_held_out_whole(rows: Callable[..., str]) -> None:
    examples = read(rows(*({"text": f"number {n} word"} for n in range(100))))
    rest, held = hold_out(examples, share=0.2, seed=1)
    assert (len(rest), len(held), rest.form) == (80, 20, "text")
    assert not overlap(held, rest)
    assert {*rest.whole, *held.whole} == set(examples.whole)
    assert len(held.completions) == 20


def test_a_leak_is_seen_whatever_the_form(rows: Callable[..., str]) -> None:
    asked = read(rows({"prompt": "the fox sleeps in the ", "completion": "forest"}))
    text = read(rows({"text": "The fox  sleeps in the forest"}))
    other = read(rows({"prompt": "the fox sleeps in the", "completion": " barn"}))
    assert overlap(asked, text) == overlap(asked, Examples(text.whole, [], "unlabelled")) == 1
    assert overlap(asked, other) == 0


def test_text_to_learn_from_needs_rows_but_no_classes(rows: Callable[..., str]) -> None:
    check_training(read(rows(*({"text": f"number {n} word"} for n in range(16)))), ())
    with pytest.raises(InputError, match="holds 15 training rows"):
        check_training(read(rows(*({"text": f"number {n} word"} for n in range(15)))), ())
