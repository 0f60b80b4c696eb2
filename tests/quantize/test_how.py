"""Groups of layers by name, and the text from which ranges are taken."""

import pytest

from leanstage.quantize.how import batches, group_of
from leanstage.variant import Variant


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("bert.encoder.layer.2.attention.self.query", "layer 2 attention"),
        ("/model/bert/encoder/layer.11/attention/output/dense/MatMul", "layer 11 attention"),
        ("/model/bert/encoder/layer.1/intermediate/dense/MatMul", "layer 1 feed-forward"),
        ("distilbert.transformer.layer.0.ffn.lin1", "layer 0 feed-forward"),
        ("mpnet.encoder.layer.3.attention.attn.o", "layer 3 attention"),
        ("model.layers.7.self_attn.k_proj", "layer 7 attention"),
        ("model.layers.7.mlp.gate_proj", "layer 7 feed-forward"),
        ("/model/bert/embeddings/word_embeddings/Gather", "embeddings"),
        ("model.embed_tokens", "embeddings"),
        ("/model/classifier/Gemm", "head"),
        ("bert.pooler.dense", "head"),
        ("lm_head", "head"),
    ],
)
def test_the_group_of_a_layer(name: str, group: str) -> None:
    assert group_of(name) == group


def test_rows_of_like_length_come_together(baseline: Variant) -> None:
    texts = ["film " * n for n in (20, 2, 3, 21, 2, 3, 20, 2, 22, 3)]
    found = batches(baseline, texts)
    assert [feed["input_ids"].shape for feed in found] == [(8, 22), (2, 24)]
    assert sum(int(feed["attention_mask"].sum()) for feed in found) == 98 + 2 * len(texts)
