"""What is checked of a card without the hub, and what is asked of it where that is wanted."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import yaml

from leanstage.card import check_card
from leanstage.card.check import CardError
from tests.card.conftest import MakeCard, card_of
from tests.http_stub import serving


@pytest.fixture(scope="module")
def written() -> str:
    return str(card_of("PROMOTE_OPTIMIZED", "hf://org/base@abc"))


def changed(text: str, change: Any) -> str:
    """A card whose metadata went through ``change``."""
    _, head, body = text.split("---\n", 2)
    metadata = yaml.safe_load(head)
    change(metadata)
    return f"---\n{yaml.safe_dump(metadata)}---\n{body}"


def set_to(*path: Any, value: Any) -> Any:
    def change(metadata: Any) -> None:
        for key in path[:-1]:
            metadata = metadata[key]
        metadata[path[-1]] = value

    return change


METRIC = ("model-index", 0, "results", 0, "metrics", 0)


def test_what_was_written_passes(written: str) -> None:
    assert str(check_card(written)) == written
    assert check_card(changed(written, lambda _: None)).data.base_model == "org/base"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_to("pipeline_tag", value="poetry"), "pipeline_tag"),
        (set_to("tags", value=["with space"]), r"tags\.0"),
        (set_to("license", value="mine"), "license"),
        (set_to("base_model", value="a/b/c"), "cannot be read by huggingface_hub: Repo id"),
        (set_to("base_model", value=None), "base_model_relation without a base_model"),
        (set_to("base_model_relation", value="cousin"), "base_model_relation"),
        (set_to(*METRIC, "value", value=float("nan")), "value: Input should be a finite number"),
        (set_to(*METRIC, "type", value="Two words"), "type"),
        (set_to("model-index", 0, "results", value=[]), "eval_results|model-index|results"),
        (set_to("model-index", value=[{"name": "x"}]), "Invalid `model_index`"),
        (set_to("leanstage", "digest", value="short"), r"leanstage\.digest"),
        (set_to("leanstage", "energy", 0, "joules_per_answer", value=0), "joules_per_answer"),
        (set_to("leanstage", "energy", 0, "tier", value="guessed"), "tier"),
        (lambda metadata: metadata.pop("leanstage"), "leanstage: Field required"),
    ],
)
def test_what_the_hub_would_not_take_is_refused(written: str, change: Any, said: str) -> None:
    with pytest.raises(CardError, match=said) as caught:
        check_card(changed(written, change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# A page\n", "no metadata at its head"),
        ("---\n- a\n- b\n---\n", "should be a dict"),
        ("---\na: [\n---\n", "cannot be read"),
        ("---\na: !!python/object/apply:os.getcwd []\n---\n", "cannot be read"),
    ],
)
def test_what_is_no_card_is_refused(text: str, said: str) -> None:
    with pytest.raises(CardError, match=said):
        check_card(text)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Stands in for the hub, which no test may ask; answers as told and notes what came."""
    asked: list[dict[str, Any]] = []
    answer = {"status": 200, "body": "{}"}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append({"path": self.path, **json.loads(body)})
            self.send_response(int(answer["status"]))
            self.end_headers()
            self.wfile.write(str(answer["body"]).encode())

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with serving(Handler) as url:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield asked, answer


def test_the_hub_is_asked_only_where_that_is_wanted(written: str, hub: Any) -> None:
    asked, _ = hub
    check_card(written)
    assert asked == []
    check_card(written, hub=True)
    assert asked == [{"path": "/api/validate-yaml", "repoType": "model", "content": written}]


def test_what_the_hub_answers_is_one_sentence(written: str, hub: Any) -> None:
    _, answer = hub
    answer |= {"status": 400, "body": '"license" must be one of\n[...]'}
    with pytest.raises(CardError, match="refuses the model card") as caught:
        check_card(written, hub=True)
    assert str(caught.value).endswith('"license" must be one of [...]')
    answer |= {"status": 503, "body": "later"}
    with pytest.raises(CardError, match="did not check the model card"):
        check_card(written, hub=True)


def test_a_card_is_checked_before_it_is_signed(
    make_card: MakeCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanstage.card.metadata.HUB_METRIC", {"accuracy": "No such Metric"})
    with pytest.raises(CardError, match="metrics"):
        make_card("PROMOTE_OPTIMIZED")
