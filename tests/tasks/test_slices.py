"""Further columns of the rows: read, kept in step with them, counted slice by slice."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from leanstage.contracts import PairedCounts, SliceCounts
from leanstage.errors import InputError
from leanstage.tasks import (
    Examples,
    Predictions,
    Slicing,
    hold_out,
    open_split,
    read_labelled,
    slice_counts,
    write_split,
)
from leanstage.tasks.slices import slicing
from leanstage.variant.statistics import paired_counts

LABELS = ("negative", "positive")


@pytest.fixture
def rows(tmp_path: Path) -> Callable[..., str]:
    def write(*rows: dict[str, Any]) -> str:
        path = tmp_path / "rows.jsonl"
        lines = [json.dumps({"text": f"t{n}", "label": n % 2} | row) for n, row in enumerate(rows)]
        path.write_text("\n".join(lines), encoding="utf-8")
        return str(path)

    return write


def codes(*values: int) -> Any:
    return np.array(values, dtype=np.int32)


def test_values_become_text(rows: Callable[..., str]) -> None:
    uri = rows({"a": "de", "b": 1}, {"a": "", "b": 2.5}, {"a": "ü", "b": True})
    examples = read_labelled(uri, LABELS, split="evaluation", columns=("b", "a", "b"))
    assert examples.slices == {"a": ["de", "", "ü"], "b": ["1", "2.5", "true"]}
    assert read_labelled(uri, LABELS, split="evaluation").slices == {}


def test_parquet_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = pa.table({"text": ["a", "b"], "label": [1, 0], "year": [2020, 2021]})
    parquet.write_table(table, path)
    examples = read_labelled(str(path), LABELS, split="evaluation", columns=["year"])
    assert examples.slices == {"year": ["2020", "2021"]}


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({}, "row 2 has nothing in the slice column 'lang'; the row has text, label:"),
        (
            {"lang": None, "tier": 1},
            "nothing in the slice column 'lang'; .* text, label, lang, tier",
        ),
        ({"lang": float("nan")}, "row 2 has nothing in the slice column 'lang'"),
        ({"lang": float("inf")}, "row 2 has a float in the slice column 'lang'"),
        ({"lang": ["de"]}, "row 2 has a list in the slice column 'lang'"),
    ],
)
def test_a_bad_value_is_named(rows: Callable[..., str], second: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_labelled(rows({"lang": "de"}, second), LABELS, split="evaluation", columns=["lang"])
    assert "rows.jsonl" in str(caught.value)


@pytest.mark.parametrize("name", ["text", "label"])
def test_text_and_label_are_no_further_columns(rows: Callable[..., str], name: str) -> None:
    with pytest.raises(InputError, match=f"column '{name}' of .* cannot be read as slices"):
        read_labelled(rows({}), LABELS, split="evaluation", columns=[name])


def test_a_column_of_too_many_values_is_refused(rows: Callable[..., str]) -> None:
    few = rows(*({"id": n % 1000} for n in range(1001)))
    assert len(read_labelled(few, LABELS, split="evaluation", columns=["id"]).slices["id"]) == 1001
    many = rows(*({"id": n} for n in range(1001)))
    with pytest.raises(InputError, match="1,001 values in the column 'id', too many"):
        read_labelled(many, LABELS, split="evaluation", columns=["id"])


def test_held_out_rows_keep_their_slices() -> None:
    names = [f"t{n}" for n in range(40)]
    examples = Examples(names, [n % 2 for n in range(40)], "rows", {"name": list(names)})
    for part in hold_out(examples, share=0.25, seed=1):
        assert part.slices == {"name": part.texts}


def test_slices_come_back_as_they_were_written(tmp_path: Path) -> None:
    examples = Examples(["a", "b", "c"], [1, 0, 1], "rows", {"lang": ["fr", "de", "fr"]})
    write_split(tmp_path / "s", examples, split="evaluation", labels=LABELS)
    split = open_split(tmp_path / "s")
    assert list(split.slices) == ["lang"]
    assert split.slices["lang"].values == ("de", "fr")
    assert split.slices["lang"].codes.tolist() == [1, 0, 1]
    assert (split.texts, split.labels) == (examples.texts, examples.labels)


def test_the_hash_covers_slices_and_is_the_old_one_without(tmp_path: Path) -> None:
    plain = Examples(["ein schöner Film", 'quote " here'], [1, 0], "rows")
    sliced = Examples(plain.texts, plain.labels, "rows", {"lang": ["de", "en"]})
    other = Examples(plain.texts, plain.labels, "rows", {"lang": ["de", "de"]})
    hashes = [
        write_split(tmp_path / "s", examples, split="evaluation", labels=LABELS).rows_sha256
        for examples in (plain, sliced, other)
    ]
    lines = '{"label":1,"text":"ein schöner Film"}\n{"label":0,"text":"quote \\" here"}\n'
    assert hashes[0] == hashlib.sha256(lines.encode()).hexdigest()
    assert len(set(hashes)) == 3


def test_counts_by_hand() -> None:
    predictions = Predictions(
        labels=codes(0, 0, 1, 1, 1),
        baseline=codes(0, 0, 1, 0, 0),
        candidate=codes(0, 1, 1, 1, 0),
        slices={
            "lang": Slicing(("fr", "de", "unseen"), codes(0, 0, 0, 1, 1)),
            "all": slicing(["yes"] * 5),
        },
    )

    def part(column: str, value: str, *cells: int) -> SliceCounts:
        names = ("both_right", "baseline_only", "candidate_only", "both_wrong")
        counts = PairedCounts(**dict(zip(names, cells, strict=True)))
        return SliceCounts(column=column, value=value, counts=counts)

    found = slice_counts(predictions, LABELS, ("label", "lang", "all"))
    assert found == (
        part("label", "negative", 1, 1, 0, 0),
        part("label", "positive", 1, 0, 1, 1),
        part("lang", "de", 0, 0, 1, 1),
        part("lang", "fr", 2, 1, 0, 0),
        part("all", "yes", 2, 1, 1, 1),
    )
    assert slice_counts(predictions, LABELS, ()) == ()


def test_a_class_without_rows_is_no_slice() -> None:
    predictions = Predictions(codes(2), codes(2), codes(0))
    found = slice_counts(predictions, ("a", "b", "c"), ("label",))
    assert [(one.value, one.counts.n) for one in found] == [("c", 1)]


def test_an_unknown_column_is_named() -> None:
    predictions = Predictions(codes(0), codes(0), codes(0), slices={"lang": slicing(["de"])})
    with pytest.raises(InputError, match="no slice column 'tier'; they hold label, lang"):
        slice_counts(predictions, LABELS, ("label", "tier"))


def test_a_million_rows_in_a_thousand_slices() -> None:
    rng = np.random.default_rng(1)
    labels, first, second = (rng.integers(0, 2, 10**6, dtype=np.int32) for _ in range(3))
    division = Slicing(
        tuple(f"{n:03}" for n in range(1000)), rng.integers(0, 1000, 10**6, dtype=np.int32)
    )
    predictions = Predictions(labels, first, second, slices={"shop": division})
    found = slice_counts(predictions, LABELS, ("shop",))
    assert len(found) == 1000
    assert sum(one.counts.n for one in found) == 10**6
    rows = division.codes == 123
    assert found[123].counts == paired_counts(labels[rows], first[rows], second[rows])
