"""Rows in, splits out: bad rows are named by file and number."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from leanstage.errors import InputError
from leanstage.tasks import (
    Examples,
    check_training,
    hold_out,
    open_split,
    overlap,
    read_labelled,
    read_unlabelled,
    write_split,
)

LABELS = ("negative", "positive")


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "rows.jsonl"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_labels_by_name_and_by_index(file: Callable[[str], str]) -> None:
    uri = file('{"text": "a", "label": "positive"}\n\n{"text": "b", "label": 0}\n')
    assert read_labelled(uri, LABELS, split="train").labels == [1, 0]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.table({"text": ["a", "b"], "label": [1, 0]}), path)
    assert read_labelled(str(path), LABELS, split="train").labels == [1, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no rows"),
        ('{"text": "a", "label": "neutral"}', "row 1 of the evaluation split has the label"),
        ('{"text": "a", "label": 2}', "which the model lacks"),
        ('{"text": "a", "label": -1}', "which the model lacks"),
        ('{"text": "\\ud800", "label": 1}', "line 1 holds half of a character"),
        ('{"text": "a"}', "row 1 has no 'label'"),
        ('{"label": 1}', "row 1 has no 'text'"),
        ('{"text": "  ", "label": 1}', "row 1 has no 'text'"),
        ("[1, 2]", "line 1 is not a JSON object"),
        ('{"text": "a", "label": 1}\n{"text"', "line 2 is not JSON"),
    ],
)
def test_a_bad_row_is_named(file: Callable[[str], str], text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_labelled(file(text), LABELS, split="evaluation")
    assert "rows.jsonl" in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_labelled(str(tmp_path / "none.jsonl"), LABELS, split="train")


def test_a_remote_store_goes_through_fsspec() -> None:
    import fsspec

    with fsspec.open("memory://bucket/rows.jsonl", "wt") as stream:
        stream.write('{"text": "a", "label": 1}')
    examples = read_labelled("memory://bucket/rows.jsonl", LABELS, split="train")
    assert examples.labels == [1]
    with pytest.raises(InputError, match=r"memory://bucket/none\.jsonl does not exist"):
        read_labelled("memory://bucket/none.jsonl", LABELS, split="train")


def test_a_scheme_that_nothing_opens_is_named() -> None:
    with pytest.raises(InputError, match=r"nowhere://rows\.jsonl"):
        read_labelled("nowhere://rows.jsonl", LABELS, split="train")


def test_unlabelled_text_leaves_labels_unread(file: Callable[[str], str]) -> None:
    examples = read_unlabelled(file('{"text": "a", "label": "anything"}'))
    assert examples.texts == ["a"]
    assert examples.labels == []


def test_training_on_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="one class only"):
        check_training(Examples(["a"] * 20, [1] * 20, "rows"), LABELS)


def test_held_out_rows_are_stratified_disjoint_and_seeded() -> None:
    examples = Examples([f"t{n}" for n in range(100)], [n % 4 == 0 for n in range(100)], "rows")
    rest, held = hold_out(examples, share=0.2, seed=1)
    assert len(held) == 20
    assert sum(held.labels) == 5
    assert not set(rest.texts) & set(held.texts)
    assert hold_out(examples, share=0.2, seed=1)[1].texts == held.texts


def test_a_text_that_stands_twice_is_on_one_side() -> None:
    texts = [f"t{n}" for n in range(100)] + [f"  T{n}" for n in range(40)]
    examples = Examples(texts, [0, 1] * 70, "rows")
    rest, held = hold_out(examples, share=0.2, seed=1)
    assert len(rest) + len(held) == len(examples)
    assert overlap(held, rest) == 0
    assert len(held) > 10


def test_no_message_and_no_source_shows_what_an_address_is_signed_with(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_labelled(
            "http://ci:S3CRET@127.0.0.1:9/rows.jsonl?sig=S3CRET", LABELS, split="evaluation"
        )
    assert str(caught.value).startswith("http://127.0.0.1:9/rows.jsonl ")
    assert "S3CRET" not in str(caught.value)


def test_overlap_sees_through_case_and_spacing() -> None:
    held_out = Examples(["A  Fine Film", "another"], [1, 0], "e")
    assert overlap(held_out, Examples(["a fine film"], [1], "t")) == 1


def test_a_split_comes_back_as_it_was_written(tmp_path: Path) -> None:
    examples = Examples(["ein schöner Film", 'quote " here'], [1, 0], "rows")
    info = write_split(tmp_path / "s", examples, split="evaluation", labels=LABELS)
    split = open_split(tmp_path / "s")
    assert (split.texts, split.labels, split.info) == (examples.texts, examples.labels, info)


def test_a_changed_split_is_refused(tmp_path: Path) -> None:
    write_split(tmp_path / "s", Examples(["a"], [1], "rows"), split="evaluation", labels=LABELS)
    rows = tmp_path / "s" / "data.jsonl"
    rows.write_text(json.dumps({"text": "a", "label": 0}) + "\n")
    with pytest.raises(InputError, match="changed after it was written"):
        open_split(tmp_path / "s")
