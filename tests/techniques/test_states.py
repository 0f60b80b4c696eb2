"""What is kept of a teacher's inside: which states, of which tokens, in how many bytes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from leanstage.errors import InputError
from leanstage.techniques import room, states
from leanstage.techniques.arrays import read_arrays, write_arrays
from leanstage.techniques.data import TaughtRows, pad
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.states import Wanted, kept_tokens
from leanstage.techniques.taught import taught_of
from leanstage.techniques.teach import teach
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from leanstage.variant.architectures import family_of, layers_of
from leanstage.variant.checkpoint import load_checkpoint
from tests.conftest import reviews

TEXTS = [text for text, _ in reviews(40, seed=4)]
BOTH = Wanted(hidden=True, relations_of=1)


@pytest.fixture(scope="module")
def teacher(
    tiny_checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Variant:
    return adopt(tiny_checkpoint("bert"), tmp_path_factory.mktemp("teacher") / "variant")


@pytest.fixture(autouse=True)
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANSTAGE_BF16", "0")


@pytest.mark.parametrize(
    ("wanted", "planes"),
    [
        (Wanted(), ()),
        (Wanted(hidden=True), (1, 2, 3)),
        (Wanted(relations_of=1), (2,)),
        (Wanted(relations_of=3), (0,)),
        (Wanted(hidden=True, relations_of=3), (0, 1, 2, 3)),
    ],
)
def test_only_what_a_loss_is_made_of_is_kept(
    wanted: Wanted, planes: tuple[int, ...], teacher: Variant
) -> None:
    rows = teach(teacher, TEXTS, wanted=wanted)
    assert wanted.planes(3) == planes
    if not planes:
        assert rows.states is None
        return
    assert rows.states is not None
    # Two bytes for each of 64 numbers, of every plane of every token.
    assert rows.states.values.nbytes == sum(rows.lengths) * len(planes) * 64 * 2


def test_a_layer_that_the_teacher_lacks_has_no_relations(teacher: Variant) -> None:
    with pytest.raises(InputError, match="layer 4 from the top, and the teacher has 3"):
        teach(teacher, TEXTS, wanted=Wanted(relations_of=4))


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta", "mpnet"])
def test_what_was_kept_is_what_the_teacher_computes(
    family: str, tiny_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    """Queries, keys and values made from the kept states are those of the teacher's last layer."""
    teacher = adopt(tiny_checkpoint(family), tmp_path / "teacher")
    write_arrays(tmp_path / "rows", teach(teacher, TEXTS, wanted=BOTH).arrays())
    rows = taught_of(read_arrays(tmp_path / "rows"))
    assert isinstance(rows, TaughtRows)
    assert rows.states is not None
    assert isinstance(rows.states.values, np.memmap), "read into memory as a whole"
    batch = rows.collate([rows[row] for row in range(8)])

    model = load_checkpoint(teacher.path)
    names = family_of(model.config.model_type, where="test")
    seen: list[torch.Tensor] = []
    for path in names.project:
        module = layers_of(model)[-1].get_submodule(path)
        module.register_forward_hook(lambda _, __, out: seen.append(out))
    with torch.inference_mode():
        answer = model(**pad(rows.ids[:8], rows.pad_id), output_hidden_states=True)
    mask = batch["kept"].unsqueeze(-1)
    for number in (1, 2, 3):
        kept = rows.states.plane(batch["states"], number)
        torch.testing.assert_close(
            kept * mask, answer.hidden_states[number] * mask, atol=5e-3, rtol=0
        )
    for made, given in zip(rows.states.projected(batch["states"]), seen, strict=True):
        torch.testing.assert_close(made * mask, given * mask, atol=5e-3, rtol=0)


def test_where_room_is_short_the_first_tokens_of_a_row_are_kept(
    teacher: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = teach(teacher, TEXTS, wanted=BOTH)
    assert whole.states is not None
    limit = whole.states.values.nbytes * 3 // 4
    monkeypatch.setattr(states, "LIMIT_BYTES", limit)
    short = teach(teacher, TEXTS, wanted=BOTH)
    assert short.states is not None
    assert limit * 0.9 < short.states.values.nbytes <= limit
    longest = int(short.states.counts.max())
    assert short.states.counts.tolist() == [min(length, longest) for length in short.lengths]
    for row in (0, 7, 39):
        np.testing.assert_array_equal(short.states[row], whole.states[row][:longest])
    batch = short.collate([short[row] for row in range(8)])
    assert batch["kept"].sum() == short.states.counts[:8].sum()
    assert batch["attention_mask"].sum() > batch["kept"].sum()


def test_where_there_is_hardly_any_room_eight_tokens_of_some_rows_are_kept() -> None:
    token_bytes = 3 * 384 * 2
    counts = kept_tokens([30, 6] * 1_000_000, token_bytes=token_bytes)
    kept = np.flatnonzero(counts)
    assert set(counts[kept]) == {8, 6}
    assert 0.8 < counts.sum() * token_bytes / states.LIMIT_BYTES <= 1
    for half in (kept < 1_000_000, kept % 2 == 0):
        assert half.mean() == pytest.approx(0.5, abs=0.01)
    assert kept_tokens([30, 6], token_bytes=token_bytes).tolist() == [30, 6]


def test_a_row_without_states_is_learnt_from_its_answer_alone(
    teacher: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "LIMIT_BYTES", 10 * 8 * 3 * 64 * 2)
    rows = teach(teacher, TEXTS, wanted=BOTH)
    assert rows.states is not None
    assert (rows.states.counts > 0).sum() == 10
    student = load_checkpoint(teacher.path, attention="eager")
    with torch.no_grad():
        student.bert.encoder.layer[0].output.dense.weight *= -1  # type: ignore[operator, union-attr]
    said = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 8, "temperature": 1.0, "seed": 0}
    plain = Recipe(**said, message="training")
    inside = plain.model_copy(update={"hidden_weight": 1.0, "attention_weight": 1.0})
    for kept in (True, False):
        chosen = [row for row in range(40) if bool(rows.states.counts[row]) == kept][:8]
        batch = rows.collate([rows[row] for row in chosen])
        whole, _ = rows.loss(student, dict(batch), inside)
        answers, _ = rows.loss(student, dict(batch), plain)
        assert torch.isfinite(whole)
        assert (float((whole - answers).detach()) > 1e-3) == kept
        whole.backward()
        assert all(p.grad.isfinite().all() for p in student.parameters() if p.grad is not None)


def test_what_the_disk_cannot_hold_is_refused_before_it_is_full(
    teacher: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = type("Usage", (), {"free": 10_000})
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: free)
    assert teach(teacher, TEXTS).states is None
    with pytest.raises(InputError, match="set hidden_weight and attention_weight to 0, or set TMP"):
        teach(teacher, TEXTS, wanted=BOTH)


def test_arrays_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no arrays"):
        read_arrays(tmp_path)
    write_arrays(tmp_path / "rows", {"ids": np.arange(100)})
    content = (tmp_path / "rows" / "ids.npy").read_bytes()
    (tmp_path / "rows" / "ids.npy").write_bytes(content[:200])
    with pytest.raises(InputError, match="can be read"):
        read_arrays(tmp_path / "rows")
    np.save(tmp_path / "rows" / "ids.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="can be read"):
        read_arrays(tmp_path / "rows")
