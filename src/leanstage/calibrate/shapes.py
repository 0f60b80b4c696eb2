"""Models of a given shape: real architectures, weights at random.

What an answer costs hardly depends on the values of the weights, so nothing is fetched; save for
LLM.int8, which multiplies columns of outliers apart, and random weights have none.
"""

import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leanstage.errors import InputError
from leanstage.variant import Variant, fresh_folder, open_variant, seal
from leanstage.variant.checkpoint import quiet_transformers

TOKENS = 48
"""Tokens a text, special ones included: a short review, a ticket."""
TEXTS = 64
VOCABULARY = 30_522
"""Of BERT; the embedding is read, not multiplied."""
LABELS = ("negative", "positive")
_MOST_LAYERS = 48
_MOST_WIDTH, _WIDTH_STEP = 2048, 64


@dataclass(frozen=True)
class Shape:
    """A BERT encoder: ``layers`` of ``hidden`` units, and ``ffn`` in the feed-forward part."""

    layers: int
    hidden: int
    ffn: int

    @classmethod
    def parse(cls, text: str) -> "Shape":
        """The shape of ``LAYERSxHIDDEN``, with a feed-forward part four times as wide.

        Raises:
            InputError: not of that form, an odd depth, a width no kernel divides, or too large.
        """
        match = re.fullmatch(r"(\d{1,3})x(\d{1,5})", text.strip())
        layers, hidden = (int(match[1]), int(match[2])) if match else (0, 0)
        depths = range(2, _MOST_LAYERS + 1, 2)
        widths = range(_WIDTH_STEP, _MOST_WIDTH + 1, _WIDTH_STEP)
        if layers not in depths or hidden not in widths:
            raise InputError(
                f"{text!r} is no shape to calibrate; give LAYERSxHIDDEN, an even number of layers "
                f"up to {_MOST_LAYERS} and a multiple of {_WIDTH_STEP} hidden units up to "
                f"{_MOST_WIDTH}, such as 6x384."
            )
        return cls(layers, hidden, 4 * hidden)

    def __str__(self) -> str:
        return f"{self.layers}x{self.hidden}"

    @property
    def half_depth(self) -> "Shape":
        return Shape(self.layers // 2, self.hidden, self.ffn)

    @property
    def half_width(self) -> "Shape":
        """Half of the feed-forward part, as pruning narrows it."""
        return Shape(self.layers, self.hidden, self.ffn // 2)


def write_model(shape: Shape, target: Path, *, seed: int = 0) -> Variant:
    """A classifier of this shape in float32, as a variant for PyTorch."""
    import torch

    with quiet_transformers():
        from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(seed)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=VOCABULARY,
            num_hidden_layers=shape.layers,
            hidden_size=shape.hidden,
            num_attention_heads=shape.hidden // 32 if shape.hidden < 768 else shape.hidden // 64,
            intermediate_size=shape.ffn,
            pad_token_id=0,
            id2label=dict(enumerate(LABELS)),
            label2id={name: index for index, name in enumerate(LABELS)},
        )
    )
    with fresh_folder(target) as draft:
        model.save_pretrained(draft)
        _tokenizer().save(str(draft / "tokenizer.json"))
        seal(
            draft,
            architecture="bert",
            labels=LABELS,
            runtime="torch",
            precision="fp32",
            max_length=TOKENS,
            parameters=sum(weights.numel() for weights in model.parameters()),
            lineage=(),
        )
    return open_variant(target)


def texts(seed: int = 0) -> list[str]:
    """Texts of ``TOKENS`` tokens each."""
    rng = random.Random(seed)
    return [
        " ".join(f"w{rng.randrange(VOCABULARY - 4)}" for _ in range(TOKENS - 2))
        for _ in range(TEXTS)
    ]


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{n}" for n in range(VOCABULARY - 4))]
    tokenizer = Tokenizer(
        models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer
