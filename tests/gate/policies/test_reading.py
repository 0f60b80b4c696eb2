"""Policies: presets, files, and what is said of those that cannot be used."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from leanstage.contracts import ModelPolicy
from leanstage.errors import InputError
from leanstage.gate.policies import PRESETS, load_policy, parse_policy, sentences, warnings

PRESET_FILES = Path(__file__).parents[3] / "src/leanstage/gate/policies/presets"


def test_the_default_preset_states_the_defaults() -> None:
    assert load_policy("default") == load_policy("") == ModelPolicy()


def test_the_presets_are_ordered_by_strictness() -> None:
    strict, default, lenient = (load_policy(name) for name in ("strict", "default", "lenient"))
    assert strict.tolerance < default.tolerance < lenient.tolerance
    assert strict.margin < default.margin < lenient.margin
    assert strict.slice_tolerance < default.slice_tolerance < lenient.slice_tolerance
    assert strict.min_n > default.min_n > lenient.min_n
    assert strict.min_saving > default.min_saving > lenient.min_saving
    assert strict.tiers == ("measured",)
    assert strict.require_permissions


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fits_the_published_schema(name: str) -> None:
    fields = yaml.safe_load((PRESET_FILES / f"{name}.yaml").read_text())
    schema = json.loads(json.dumps(ModelPolicy.model_json_schema(mode="validation")))
    jsonschema.validate(fields, schema)
    assert load_policy(name).name == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tolerence: 0.01", "unknown key 'tolerence'; did you mean 'tolerance'?"),
        ("zebra: 1", "known keys: "),
        ("approvers: [{experment: x}]", "approvers, has the unknown key 'experment'"),
        ("approvers: [x]", "approvers.0"),
        ("approvers: [{experiment: ''}]", "approvers.0.experiment"),
        ("tolerance: 0.01\ntolerance: 0.5", "the key 'tolerance' stands twice"),
        ("tolerance: .nan", "finite number"),
        ("margin: .inf", "finite number"),
        ("tolerance: 0.05", "margin must be at least tolerance"),
        ("margin: 2", "margin"),
        ("min_n: 0", "min_n"),
        ("min_agreement: 1.0", "min_agreement"),
        ("tiers: [guessed]", "tiers.0"),
        ("metric: bleu", "metric"),
        ("name: a b", "name"),
        ("promoted_model: '{name}/{version}'", "promoted_model"),
        ("schema_version: 2", "schema_version"),
        ("!!python/object/apply:os.system [id]", "cannot be read as YAML"),
        ("{", "cannot be read as YAML"),
        ("", "not a policy"),
        ("- 1", "not a policy"),
    ],
)
def test_what_is_no_policy_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_policy(text, where="p.yaml")
    assert str(caught.value).startswith("p.yaml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_the_presets() -> None:
    with pytest.raises(InputError, match=r"does not exist; .*default, strict, lenient"):
        load_policy("/nowhere.yaml")


def test_every_key_changes_the_hash() -> None:
    changes = {
        "name": "other",
        "models": ["a*"],
        "metric": "macro_f1",
        "tolerance": 0.011,
        "margin": 0.021,
        "confidence": 0.96,
        "min_n": 301,
        "slices": [],
        "slice_tolerance": 0.06,
        "vs_champion": False,
        "min_agreement": 0.97,
        "min_saving": 0.21,
        "reference": "registered",
        "tiers": ["measured"],
        "batch_size": 9,
        "request_rate": 20.0,
        "serving": "vllm",
        "hardware": "pool-a",
        "max_latency_p50_ms": 1.0,
        "max_latency_p95_ms": 1.0,
        "max_bytes": 1,
        "train": "t",
        "validation": "v",
        "unlabelled": "u",
        "production": "p",
        "student": "s",
        "evaluation": "e",
        "evaluation_sha256": "a" * 64,
        "allow_overlap": True,
        "approvers": [{"experiment": "leanstage-approvals", "user": "ada"}],
        "require_permissions": True,
        "promoted_model": "{name}-promoted",
        "promoted_experiment": "gate",
        "target": {"namespace": "team-a"},
    }
    assert set(changes) == set(ModelPolicy.model_fields) - {"schema_version"}
    hashes = {ModelPolicy.model_validate({name: value}).sha256() for name, value in changes.items()}
    assert len(hashes | {ModelPolicy().sha256()}) == len(changes) + 1


def test_every_limit_is_said_in_words() -> None:
    policy = ModelPolicy.model_validate(
        {
            "models": ["fraud-*"],
            "metric": "macro_f1",
            "slices": ["label", "channel"],
            "max_latency_p50_ms": 12.5,
            "request_rate": 20.5,
            "serving": "kserve-huggingface",
            "hardware": "pool-a",
            "max_latency_p95_ms": 31.5,
            "max_bytes": 5_000_000,
            "min_agreement": 0.975,
            "production": "s3://gate/asked.jsonl",
            "student": "hf://org/small@abc",
            "evaluation": "s3://gate/rows.jsonl",
            "evaluation_sha256": "a" * 64,
            "approvers": [{"experiment": "approvals-ada", "user": "ada", "experiment_id": "1"}],
            "promoted_model": "{name}-lean",
            "require_permissions": True,
        }
    )
    text = " ".join(sentences(policy))
    for part in (
        "fraud-*",
        "macro-F1",
        "channel",
        "12.5 ms",
        "20.5 answers a second",
        "kserve-huggingface",
        "the hardware pool-a",
        "31.5 ms",
        "5,000,000 bytes",
        "s3://gate/rows.jsonl",
        "a" * 64,
        "approvals-ada (ada)",
        "NAME-lean",
        "permissions",
        "40% where it is only estimated",
        "baseline's answer on at least 97.5% of the rows",
        "production data from s3://gate/asked.jsonl",
        "the checkpoint hf://org/small@abc and no other",
    ):
        assert part in text
    assert warnings(policy) == []


def test_what_makes_a_policy_weak_is_said() -> None:
    weak = ModelPolicy(
        margin=0.5,
        min_saving=0.0,
        tiers=("declared",),
        allow_overlap=True,
        slices=(),
        vs_champion=False,
        min_agreement=0.9,
        approvers=(),
    )
    text = " ".join(warnings(weak))
    for key in (
        "evaluation_sha256",
        "hardware",
        "approvers",
        "margin",
        "min_saving",
        "tiers",
        "allow_overlap",
        "slices",
        "vs_champion",
        "min_agreement is set and production is not",
    ):
        assert key in text


def test_auto_is_no_hardware_to_name() -> None:
    with pytest.raises(InputError, match="hardware names a profile; leave it out"):
        parse_policy("name: a\nhardware: auto\n", where="here")
