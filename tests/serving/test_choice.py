"""What may stand in the variable that says through what models are asked."""

import re

import pytest

from leanstage.errors import InputError
from leanstage.serving.choice import ENDPOINT_VARIABLE, Address, address, choice, narrowed


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h/v2/models/m", Address("http://h/v2/models/m", "v2")),
        ("https://h:8443/v2/models/m/infer", Address("https://h:8443/v2/models/m", "v2")),
        ("http://h/v2/models/m/versions/3", Address("http://h/v2/models/m/versions/3", "v2")),
        ("http://h/seldon/ns/v2/models/m/", Address("http://h/seldon/ns/v2/models/m", "v2")),
        ("http://h/v1/models/m:predict", Address("http://h/v1/models/m", "v1")),
        ("http://h:8000", Address("http://h:8000", "openai")),
        ("http://h/openai/v1#m", Address("http://h/openai", "openai", "m")),
        ("http://h/v1/#org/name", Address("http://h", "openai", "org/name")),
    ],
)
def test_addresses(url: str, expected: Address) -> None:
    assert address(url) == expected


def test_nothing_chosen_is_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT_VARIABLE, raising=False)
    assert not choice().asks("text-classification")
    assert narrowed("candidate") == {}


def test_a_program_serves_what_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, "vllm")
    chosen = choice()
    assert chosen.asks("text-generation")
    assert not chosen.asks("text-classification")
    assert str(chosen) == "vllm serve"
    assert narrowed("candidate") == {}, "a worker starts its own"


def test_each_model_has_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        ENDPOINT_VARIABLE, "baseline=http://a/v2/models/m  candidate=http://b/v1/models/m:predict"
    )
    chosen = choice()
    assert chosen.asks("text-classification")
    assert str(chosen) == "baseline at http://a/v2/models/m, candidate at http://b/v1/models/m"
    assert chosen.address_of("control") == chosen.address_of("candidate")
    assert chosen.processes("baseline", "candidate") == {"baseline": None, "candidate": None}
    assert narrowed("control") == {ENDPOINT_VARIABLE: "http://b/v1/models/m:predict"}
    monkeypatch.setenv(ENDPOINT_VARIABLE, narrowed("control")[ENDPOINT_VARIABLE])
    assert choice().only_address() == Address("http://b/v1/models/m", "v1")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("ollama", "names 'ollama', which is no server; known are transformers and vllm"),
        ("transformers vllm", "names 'transformers', which is no server"),
        ("baseline=ftp://h/v2/models/m", "which is no server"),
        ("baseline=http:///v2/models/m", "which is no URL of a model"),
        ("http://h/v2/models/m?key=me:secret", "which is no URL of a model"),
        ("candidate=http://me:sec/ret@h/v2/models/m", "which is no URL of a model"),
        ("http://[h/v2/models/m", "which is no URL of a model"),
        ("http://localhost:99999/v2/models/m", "which is no URL of a model"),
        ("baseline=http://h baseline=http://g", "says of a model twice"),
        ("candidate=http://me:secret@h/v2/models/m", "holds a password for h; leave it out"),
    ],
)
def test_what_cannot_be_asked(said: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, said)
    with pytest.raises(InputError, match=message) as caught:
        choice()
    assert not re.search("me:sec|ret@", str(caught.value))


def test_no_meter_reads_this_machine_and_another_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "leanstage.serving.choice.listening_at", lambda url: 7 if "localhost" in url else None
    )
    here, away = "http://localhost:8000/v2/models/m", "http://h/v2/models/m"
    monkeypatch.setenv(ENDPOINT_VARIABLE, f"baseline={away} candidate={here} champion={away}")
    with pytest.raises(InputError, match="for the baseline is on another machine, for the rest"):
        choice().processes("baseline", "candidate")
    # Nobody measures the champion.
    assert choice().processes("candidate") == {"candidate": 7}


def test_one_url_cannot_be_two_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, "http://h/v2/models/m")
    with pytest.raises(InputError, match="does not say where the candidate answers; write candid"):
        choice().address_of("candidate")
