"""The file of answers: the same bytes for the same answers, and nothing else read from it."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from leanstage.errors import InputError
from leanstage.tasks import Predictions, Slicing, slice_counts
from leanstage.variant import file_sha256


def codes(*values: int) -> Any:
    return np.array(values, dtype=np.int32)


def answers(n: int = 3) -> Predictions:
    return Predictions(
        labels=codes(*(row % 2 for row in range(n))),
        baseline=codes(*(row % 3 == 0 for row in range(n))),
        candidate=codes(*(row % 5 == 0 for row in range(n))),
        champion=codes(*(row % 7 == 0 for row in range(n))),
        slices={
            "zone": Slicing(("b", "a", "never"), codes(*(row % 2 for row in range(n)))),
            "baseline": Slicing(("x",), codes(*[0] * n)),
        },
    )


@pytest.mark.parametrize("n", [1, 3, 1000])
def test_answers_come_back_as_they_were_written(tmp_path: Path, n: int) -> None:
    before = answers(n)
    after = Predictions.load(before.save(tmp_path / "new" / "answers.parquet"))
    for name in ("labels", "baseline", "candidate", "champion"):
        assert getattr(after, name).tolist() == getattr(before, name).tolist()
        assert getattr(after, name).dtype == np.int32
    columns = ("label", "baseline", "zone")
    assert slice_counts(after, "np", columns) == slice_counts(before, "np", columns)
    assert set(after.slices) == {"zone", "baseline"}


def test_without_champion_and_slices(tmp_path: Path) -> None:
    path = Predictions(codes(0), codes(1), codes(0)).save(tmp_path / "answers.parquet")
    after = Predictions.load(path)
    assert after.champion is None
    assert after.slices == {}


def test_more_rows_than_a_row_group(tmp_path: Path) -> None:
    # Every row group has a dictionary of its own, in the order in which values appear there.
    n = 1_500_000
    column = np.zeros(n, dtype=np.int32)
    spread = ((np.arange(n) // 400_000) % 3).astype(np.int32)
    before = Predictions(column, column, spread, slices={"part": Slicing(("c", "a", "b"), spread)})
    after = Predictions.load(before.save(tmp_path / "answers.parquet"))
    values = after.slices["part"].values
    assert [values[code] for code in after.slices["part"].codes[::400_000]] == ["c", "a", "b", "c"]
    labels = ("0", "1", "2")
    assert slice_counts(after, labels, ["part"]) == slice_counts(before, labels, ["part"])


def test_the_same_answers_give_the_same_bytes(tmp_path: Path) -> None:
    one = file_sha256(answers().save(tmp_path / "one"))
    assert file_sha256(answers().save(tmp_path / "two")) == one
    assert file_sha256(answers(4).save(tmp_path / "three")) != one


GOOD: dict[str, Any] = {"label": [0, 1], "baseline": [0, 1], "candidate": [1, 1]}


@pytest.mark.parametrize(
    "changed",
    [
        {"candidate": [0, None]},
        {"candidate": [0.5, 1.0]},
        {"candidate": [float("nan"), 1.0]},
        {"candidate": [2**32, 1]},
        {"candidate": ["yes", "no"]},
        {"candidate": [[0], [1]]},
        {"champion": [None, 1]},
        {"slice:lang": ["de", None]},
        {"slice:lang": [["de"], ["en"]]},
    ],
)
def test_what_is_no_answer_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = tmp_path / "answers.parquet"
    parquet.write_table(pa.table(GOOD | changed), path)
    with pytest.raises(InputError, match=r"answers\.parquet does not hold the answers"):
        Predictions.load(path)


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_column_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "answers.parquet"
    parquet.write_table(pa.table(GOOD).drop_columns([name]), path)
    with pytest.raises(InputError, match=name):
        Predictions.load(path)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not hold the answers"):
        Predictions.load(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("label,baseline,candidate\n")
    with pytest.raises(InputError, match="does not hold the answers"):
        Predictions.load(tmp_path / "text.parquet")
