"""Documents are strict, survive a round trip, and publish their schema."""

import json
from pathlib import Path

import jsonschema
import pytest

from leanstage.contracts import DOCUMENTS, Approver, HardwareProfile, ModelPolicy, canonical_json
from leanstage.contracts.base import Contract, write_atomically
from leanstage.errors import InputError


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.__name__)
def test_every_document_publishes_a_valid_schema(document: type[Contract]) -> None:
    schema = document.model_json_schema(mode="serialization")
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False


def test_a_policy_survives_the_disk(tmp_path: Path) -> None:
    policy = ModelPolicy(name="mine", tolerance=0.005, approvers=(Approver(experiment="ethics"),))
    path = policy.save(tmp_path / "policy.json")
    assert ModelPolicy.load(path) == policy
    assert ModelPolicy.load(path).sha256() == policy.sha256()
    schema = ModelPolicy.model_json_schema(mode="serialization")
    jsonschema.validate(json.loads(path.read_text()), schema)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"cpu": "x", "threads": 0, "memory_bytes": 1}',
        '{"cpu": "x", "threads": 1, "memory_bytes": 1, "more": 1}',
        '{"cpu": "x", "threads": NaN, "memory_bytes": 1}',
    ],
)
def test_what_breaks_a_contract_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "profile.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"profile\.json is not a valid HardwareProfile"):
        HardwareProfile.load(path)


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_the_canonical_form_has_one_spelling() -> None:
    assert canonical_json({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})


def test_an_estimate_must_save_a_quarter_of_the_rest_beside() -> None:
    policy = ModelPolicy(min_saving=0.2)
    assert policy.required_saving("measured") == pytest.approx(0.2)
    assert policy.required_saving("estimated") == pytest.approx(0.4)
