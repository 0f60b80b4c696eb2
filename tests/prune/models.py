"""Small models of every family with weights at random, and rows that they are to learn from."""

from typing import Any

import numpy as np
import torch

from leanstage.techniques.data import TaughtRows
from leanstage.techniques.generation import TaughtTokens
from leanstage.techniques.taught import Taught
from leanstage.variant.architectures import FAMILIES
from tests.conftest import tiny_config

VOCABULARY = 50
IDS = [list(range(2, 14)), list(range(20, 42, 3)), list(range(49, 30, -1)), list(range(8, 20))]


def model_of(family: str) -> Any:
    """Three layers of 64 channels; the Llama has eight heads on four keys, wider than its share."""
    from transformers import AutoModelForSequenceClassification, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    if FAMILIES[family].task == "text-generation":
        config = LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=64,
            intermediate_size=256,
            num_hidden_layers=3,
            num_attention_heads=8,
            num_key_value_heads=4,
            head_dim=16,
            tie_word_embeddings=True,
            max_position_embeddings=80,
            pad_token_id=0,
        )
        model = LlamaForCausalLM(config)
    else:
        model = AutoModelForSequenceClassification.from_config(tiny_config(family, VOCABULARY))
    with torch.no_grad():
        for weights in model.parameters():
            # Large enough that every part shows in the logits.
            weights += 0.2 * torch.randn(weights.shape)
    return model.eval()


def rows_of(family: str) -> Taught:
    """Answers at random to the same token ids, as the family's task has them."""
    draw = np.random.default_rng(0)
    if FAMILIES[family].task == "text-classification":
        return TaughtRows(IDS, torch.eye(2).repeat(2, 1) * 3, 0, "0" * 64)
    learnt = sum(map(len, IDS))
    hidden = draw.standard_normal((learnt, 8)).astype(np.float16)
    head = draw.standard_normal((VOCABULARY, 8)).astype(np.float16)
    return TaughtTokens(IDS, [1] * len(IDS), hidden, head, 0, "0" * 64)


def logits_of(model: Any) -> torch.Tensor:
    """Answers to two rows, the second of them padded."""
    ids = torch.arange(4, 24).reshape(2, 10)
    mask = torch.ones_like(ids)
    ids[1, 7:], mask[1, 7:] = model.config.pad_token_id, 0
    with torch.inference_mode():
        logits = model(input_ids=ids, attention_mask=mask).logits
    return logits if logits.dim() == 2 else logits[mask.bool()]
