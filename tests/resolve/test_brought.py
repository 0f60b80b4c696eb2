"""What a run may bring along: a sample of production, and a student to distill into."""

import json
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer, BertConfig, BertModel

from leanstage.contracts import PretrainedStudent, RunContext
from leanstage.errors import InputError
from leanstage.resolve import Request, Targets, resolve
from leanstage.resolve.production import read_production
from leanstage.tasks import open_split
from leanstage.variant.student import NO_STUDENT, STUDENT, open_student
from tests import conftest

pytestmark = pytest.mark.usefixtures("mlflow_here")


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    return conftest.write_rows(tmp_path / "asked.jsonl", conftest.reviews(200, seed=9))


@pytest.fixture
def request_(tiny_checkpoint: Callable[[str], Path], data: dict[str, Path]) -> Request:
    return Request(
        model=str(tiny_checkpoint("bert")),
        train=str(data["train"]),
        evaluation=str(data["evaluation"]),
        name="tiny",
    )


@pytest.fixture
def student(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> Path:
    """A pretrained encoder without a head, of one narrow layer."""
    folder = tmp_path / "student"
    tokenizer = AutoTokenizer.from_pretrained(tiny_checkpoint("bert"))
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        pad_token_id=tokenizer.pad_token_id,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def run(request: Request, tmp_path: Path) -> RunContext:
    names = [field.name for field in fields(Targets)]
    return resolve(request, Targets(**{name: tmp_path / "out" / name for name in names}))


def refused(request: Request, tmp_path: Path) -> str:
    with pytest.raises(InputError) as caught:
        run(request, tmp_path)
    return str(caught.value)


def test_a_sample_is_divided_by_its_own_text(asked: Path) -> None:
    rows = [json.loads(line)["text"] for line in asked.read_text().splitlines()]
    learn, check = read_production(str(asked))
    assert sorted([*learn.texts, *check.texts]) == sorted(rows)
    assert 60 < len(check) < 140
    asked.write_text("".join(json.dumps({"text": f" {text.upper()}"}) + "\n" for text in rows * 2))
    _, again = read_production(str(asked))
    assert [text.strip().lower() for text in again.texts] == check.texts * 2


def test_half_a_sample_is_learnt_from_and_half_is_kept(
    request_: Request, asked: Path, tmp_path: Path
) -> None:
    learn, check = read_production(str(asked))
    context = run(replace(request_, production=str(asked)), tmp_path)
    assert context.production is not None
    assert context.production.n == len(check)
    assert context.unlabelled.n == len(learn)
    out = tmp_path / "out"
    assert open_split(out / "production").texts == check.texts
    assert open_split(out / "unlabelled").texts == learn.texts
    more = conftest.write_rows(tmp_path / "more.jsonl", conftest.reviews(100, seed=19))
    both = replace(request_, production=str(asked), unlabelled=str(more))
    assert run(both, tmp_path).unlabelled.n == 100 + len(learn)


@pytest.mark.parametrize("part", ["unlabelled", "train"])
def test_what_is_learnt_from_is_not_checked_on(
    request_: Request, asked: Path, tmp_path: Path, part: str
) -> None:
    """Agreement would promise too much; shown to be another text by its case alone."""
    _, check = read_production(str(asked))
    rows = [json.loads(line) for line in asked.read_text().splitlines()]
    held = {text: number for number, text in enumerate(check.texts)}
    some = [row | {"text": row["text"].upper()} for row in rows if held.get(row["text"], 1) % 2]
    known = tmp_path / "known.jsonl"
    before = "" if part == "unlabelled" else Path(request_.train).read_text()
    known.write_text(before + "".join(json.dumps(row) + "\n" for row in some))
    run(replace(request_, production=str(asked), **{part: str(known)}), tmp_path)
    assert open_split(tmp_path / "out" / "production").texts == check.texts[::2]

    known.write_text(before + "".join(json.dumps(row) + "\n" for row in rows))
    message = refused(replace(request_, production=str(asked), **{part: str(known)}), tmp_path)
    assert "to check on are learnt from as well" in message


def test_a_run_without_them_says_so(request_: Request, tmp_path: Path) -> None:
    context = run(request_, tmp_path)
    assert context.production is None
    assert context.student is None
    assert open_split(tmp_path / "out" / "production").texts == []
    assert (tmp_path / "out" / "pretrained" / NO_STUDENT).is_file()
    assert open_student(tmp_path / "out" / "pretrained") is None


def test_evaluation_rows_in_the_sample_are_refused(request_: Request, tmp_path: Path) -> None:
    message = refused(replace(request_, production=request_.evaluation), tmp_path)
    assert "also stand in the production sample" in message


def test_a_sample_of_which_nothing_is_left_to_check_on(
    request_: Request, asked: Path, tmp_path: Path
) -> None:
    learn, _ = read_production(str(asked))
    asked.write_text(json.dumps({"text": learn.texts[0]}) + "\n")
    assert "larger sample" in refused(replace(request_, production=str(asked)), tmp_path)


@pytest.mark.parametrize(
    ("part", "called"), [("production", "as production data"), ("student", "as student")]
)
def test_the_policy_names_them(
    part: str, called: str, request_: Request, asked: Path, student: Path, tmp_path: Path
) -> None:
    named = {"production": asked, "student": student}[part]
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"{part}: {named}\n")
    request = replace(request_, policy=str(policy))
    message = refused(replace(request, **{part: str(tmp_path / "other")}), tmp_path)
    assert called in message
    assert message.endswith(f"names {named}: leave it out (policy.untrusted).")
    assert getattr(run(request, tmp_path), part) is not None


def test_a_student_is_pinned_with_nothing_but_its_files(
    request_: Request, student: Path, tmp_path: Path
) -> None:
    (student / "modeling_own.py").write_text("raise SystemExit\n")
    (student / "pytorch_model.bin").write_bytes(b"pickle")
    context = run(replace(request_, student=str(student)), tmp_path)
    target = tmp_path / "out" / "pretrained"
    assert context.student == open_student(target) == PretrainedStudent.load(target / STUDENT)
    assert (context.student.source, context.student.architecture) == (str(student), "bert")
    names = {path.name for path in target.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", STUDENT} <= names
    assert not any(name.endswith((".py", ".bin")) for name in names)
    with (target / "model.safetensors").open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(InputError, match="was changed after it was written"):
        open_student(target)


def test_what_is_no_student_is_refused_before_any_work(
    request_: Request, student: Path, tmp_path: Path
) -> None:
    larger = replace(request_, student=request_.model)
    assert "would save nothing" in refused(larger, tmp_path)
    pickled = Path(shutil.copytree(student, tmp_path / "pickled"))
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    assert "pickled weights are never loaded" in refused(
        replace(request_, student=str(pickled)), tmp_path
    )
    own = json.loads((student / "config.json").read_text()) | {"auto_map": {"AutoModel": "x.Y"}}
    (student / "config.json").write_text(json.dumps(own))
    assert "leanstage never does that" in refused(replace(request_, student=str(student)), tmp_path)
    assert "is not a folder" in refused(replace(request_, student="/nowhere"), tmp_path)
