"""A teacher, rows to learn from, and pretrained checkpoints that are none of the teacher's kin."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from leanstage.contracts import HardwareProfile, Plan
from leanstage.tasks import Examples, SplitFolder, open_split, write_split
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from tests.conftest import BAD, GOOD, LABELS, WORDS, reviews

ROWS = {"train": 320, "unlabelled": 160, "validation": 200}


@pytest.fixture(scope="session")
def teacher(
    tiny_checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Variant:
    return adopt(tiny_checkpoint("bert"), tmp_path_factory.mktemp("teacher") / "variant")


@pytest.fixture(scope="session")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SplitFolder]:
    folder = tmp_path_factory.mktemp("splits")
    found = {}
    for seed, (name, n) in enumerate(ROWS.items(), start=20):
        texts, labels = map(list, zip(*reviews(n, seed=seed), strict=True))
        named = name != "unlabelled"
        rows = Examples(texts, labels if named else [], name)
        write_split(folder / name, rows, split=name, labels=LABELS if named else ())  # type: ignore[arg-type]
        found[name] = open_split(folder / name)
    return found


def plan_of(teacher: Variant, *, tolerance: float = 0.1, **settings: object) -> Plan:
    return Plan(
        tree_version="1",
        facts={},
        path=(),
        tolerance=tolerance,
        hardware=HardwareProfile(cpu="x", threads=2, memory_bytes=1),
        baseline_digest=teacher.digest,
        **settings,  # type: ignore[arg-type]
    )


def pretrained(
    folder: Path,
    *,
    words: Sequence[str] = (*BAD, *GOOD, *WORDS),
    hidden_size: int = 32,
    layers: int = 2,
    embeds: int | None = None,
    steps: int = 0,
) -> Path:
    """A small RoBERTa without a head, whose tokenizer numbers these words in another way.

    With ``steps`` it has learnt what reviews are about.
    """
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        PreTrainedTokenizerFast,
        RobertaConfig,
        RobertaForSequenceClassification,
    )

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    vocabulary = {word: index for index, word in enumerate([*special, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", model_max_length=48
    ).save_pretrained(folder)
    torch.manual_seed(1)
    config = RobertaConfig(
        vocab_size=embeds or len(vocabulary),
        num_hidden_layers=layers,
        hidden_size=hidden_size,
        num_attention_heads=4,
        intermediate_size=4 * hidden_size,
        max_position_embeddings=60,
        pad_token_id=1,
    )
    model = RobertaForSequenceClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(steps):
        texts, labels = zip(*reviews(32, seed=step), strict=True)
        ids = [torch.tensor(row.ids) for row in tokenizer.encode_batch(list(texts))]
        padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=1)
        answer = model(input_ids=padded, attention_mask=padded != 1, labels=torch.tensor(labels))
        answer.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.base_model.save_pretrained(folder)
    return folder
