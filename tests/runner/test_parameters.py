"""Parameters of a cluster run, checked before they are sent."""

import pytest

from leanstage.errors import InputError
from leanstage.runner.parameters import checked

SPEC = {
    "root": {
        "inputDefinitions": {
            "parameters": {
                "model": {"parameterType": "STRING"},
                "train_data": {"parameterType": "STRING", "defaultValue": ""},
                "policy": {"parameterType": "STRING", "defaultValue": ""},
                "hardware": {"parameterType": "STRING", "defaultValue": "auto"},
                "seed": {"parameterType": "NUMBER_INTEGER", "defaultValue": 0.0},
                "window": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.5},
                "strict": {"parameterType": "BOOLEAN", "defaultValue": False},
                "ratios": {"parameterType": "LIST", "isOptional": True},
                "labels": {"parameterType": "STRUCT", "isOptional": True},
                "deploy": {
                    "parameterType": "STRING",
                    "defaultValue": "optimized",
                    "literals": ["optimized", "baseline"],
                },
                "request": {"parameterType": "STRING", "defaultValue": ""},
            }
        }
    }
}
MODEL = "model=models:/reviews/3"


def test_every_type_arrives_as_declared() -> None:
    texts = ["seed=7", "window=1e-1", "strict=True", "ratios=[0.1, 0.2]", 'labels={"a": 1}']
    assert checked(SPEC, [MODEL, *texts, "deploy=baseline", "policy="]) == {
        "model": "models:/reviews/3",
        "seed": 7,
        "window": 0.1,
        "strict": True,
        "ratios": [0.1, 0.2],
        "labels": {"a": 1},
        "deploy": "baseline",
        "policy": "",
    }


def test_only_the_first_equals_sign_divides() -> None:
    assert checked(SPEC, ["model=s3://bucket/a=b"])["model"] == "s3://bucket/a=b"


def test_a_preset_is_no_path() -> None:
    assert checked(SPEC, [MODEL, "policy=strict"], presets=("strict",))["policy"] == "strict"
    with pytest.raises(InputError, match="policy=strict is a path"):
        checked(SPEC, [MODEL, "policy=strict"])


def test_hardware_is_named_or_lies_where_the_tasks_can_read() -> None:
    for value in ("auto", "serving-pool", "s3://profiles/pool.json"):
        assert checked(SPEC, [MODEL, f"hardware={value}"])["hardware"] == value
    with pytest.raises(InputError, match=r"hardware=pool\.json is a path of this machine"):
        checked(SPEC, [MODEL, "hardware=pool.json"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sede=7", "no parameter sede; did you mean seed?"),
        ("zzzz=7", "no parameter zzzz; it has deploy, hardware, labels, model"),
        ("seed", "'seed' is no parameter; write --param NAME=VALUE"),
        ("seed=1.5", "seed is a whole number, not '1.5'"),
        ("window=nan", "window is a number, not 'nan'"),
        ("window=inf", "window is a number, not 'inf'"),
        ("strict=yes", "strict is true or false"),
        ('ratios={"a": 1}', "ratios is a list in JSON"),
        ("labels=[1]", "labels is a dictionary in JSON"),
        ("deploy=both", "deploy is one of optimized, baseline"),
        ("request=me", "name of the run; give --name"),
        (MODEL, "model is given twice"),
        ("train_data=./train.jsonl", "a path of this machine, which the tasks"),
        ("train_data=/data/train.jsonl", "a path of this machine"),
        ("train_data=file:///data/train.jsonl", "a path of this machine"),
    ],
)
def test_what_cannot_be_sent_is_named(text: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        checked(SPEC, [MODEL, text])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_left_out_is_named() -> None:
    with pytest.raises(InputError, match="needs model; pass --param model=VALUE"):
        checked(SPEC, ["seed=1"])
