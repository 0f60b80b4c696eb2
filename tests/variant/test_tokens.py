"""What a model reads of a text: the same tokens by the beginning as by all of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from leanstage.demo.data import pretrained_model
from leanstage.variant.tokens import TextEncoder

LENGTHS = (8, 12, 40)
WORDS = st.text(min_size=0, max_size=40) | st.sampled_from(["word", "naïve", "l'été", "…", "漢字"])
SPACES = st.sampled_from([" ", "\n", "\t", "  ", "\u00a0", " \u0301", "\u2028"])
TEXTS = st.lists(st.tuples(WORDS, SPACES), max_size=120).map(
    lambda parts: "".join(word + space for word, space in parts)
)


@pytest.fixture(scope="module")
def encoders() -> dict[int, tuple[TextEncoder, Tokenizer]]:
    found = {}
    for length in LENGTHS:
        whole = Tokenizer.from_file(str(pretrained_model() / "tokenizer.json"))
        whole.no_padding()
        whole.enable_truncation(length)
        found[length] = TextEncoder(pretrained_model(), length), whole
    return found


@given(texts=st.lists(TEXTS, min_size=1, max_size=3))
def test_the_beginning_of_a_text_gives_the_tokens_that_all_of_it_gives(
    texts: list[str], encoders: dict[int, tuple[TextEncoder, Tokenizer]]
) -> None:
    for encoder, whole in encoders.values():
        assert encoder.ids(texts) == [whole.encode(text).ids for text in texts]


def test_of_a_long_text_no_more_is_tokenized_than_has_to_be(
    encoders: dict[int, tuple[TextEncoder, Tokenizer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, whole = encoders[8]
    asked: list[str] = []

    class Watched:
        def encode_batch_fast(self, texts: list[str]) -> object:
            asked.extend(texts)
            return whole.encode_batch_fast(texts)

    monkeypatch.setattr(encoder, "_tokenizer", Watched())
    plain, sparse = "word " * 1000, "antidisestablishmentarianism" + " " * 500 + "word"
    assert len(encoder.ids([plain])[0]) == 8
    assert [len(text) for text in asked] == [47 - 3]
    asked.clear()
    encoder.ids([" " * 500 + "word"])
    assert asked[-1] == " " * 500 + "word", "where the beginning says too little, all is read"
    assert encoder.ids([sparse]) == [whole.encode(sparse).ids]


def test_a_tokenizer_whose_tokens_reach_over_spaces_reads_all(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "a": 1}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    encoder = TextEncoder(tmp_path, 4)
    text = "a " * 100
    assert encoder._head(text) == text
    assert encoder.ids([text]) == [[0]]
