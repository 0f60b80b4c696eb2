"""The demo's baseline: MiniLM fine-tuned on the reviews, made once.

``python -m leanstage.demo.baseline FOLDER`` writes ``model/``, ``train.jsonl``,
``validation.jsonl``, ``evaluation.jsonl`` and ``unlabelled.jsonl`` into the folder. The model
has seen the first only.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leanstage import progress
from leanstage.contracts import canonical_json
from leanstage.demo.data import LABELS, pretrained_model, reviews
from leanstage.tasks import Examples
from leanstage.variant import fresh_folder

EPOCHS = 2
LEARNING_RATE = 1e-4
BATCH_SIZE = 32
MAX_LENGTH = 128
SEED = 0


def prepare(target: Path) -> None:
    """Fine-tune the baseline and write it with its data, whole or not at all."""
    rows = reviews()
    with fresh_folder(target) as draft:
        for split in ("train", "validation", "evaluation", "unlabelled"):
            write_rows(draft / f"{split}.jsonl", getattr(rows, split))
        fine_tune(pretrained_model(), rows.train, draft / "model")


def write_rows(path: Path, examples: Examples) -> None:
    """Write rows as JSON Lines, labels by name where there are any."""
    with path.open("wb") as stream:
        for row, text in enumerate(examples.texts):
            label = {"label": LABELS[examples.labels[row]]} if examples.labels else {}
            stream.write(canonical_json({"text": text, **label}) + b"\n")


def fine_tune(
    pretrained: Path,
    train: Examples,
    target: Path,
    *,
    labels: Sequence[str] = LABELS,
    max_length: int = MAX_LENGTH,
    learning_rate: float = LEARNING_RATE,
    epochs: int = EPOCHS,
) -> None:
    """Fine-tune an encoder on labelled rows, with cross-entropy, and save it with its tokenizer.

    Args:
        max_length: tokens of a row, beyond which it is cut.
    """
    import torch

    from leanstage.variant.checkpoint import quiet_transformers

    with quiet_transformers():
        from transformers import (
            AutoModelForSequenceClassification,
            AutoTokenizer,
            Trainer,
            set_seed,
        )

    from leanstage.techniques.data import pad
    from leanstage.techniques.memory import keep_freed_memory
    from leanstage.techniques.training import Teller, freeze_embeddings, training_arguments

    keep_freed_memory()
    set_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(pretrained, local_files_only=True)
    tokenizer.model_max_length = max_length
    with quiet_transformers():
        model = AutoModelForSequenceClassification.from_pretrained(
            pretrained,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={name: index for index, name in enumerate(labels)},
            attn_implementation="eager",
            # The fused attention of the CPU is slow backwards, and dropout in it slow forwards.
            attention_probs_dropout_prob=0.0,
            local_files_only=True,
        )
    freeze_embeddings(model)
    encoded = tokenizer(train.texts, truncation=True, max_length=max_length)["input_ids"]
    rows = [
        {"input_ids": ids, "labels": label}
        for ids, label in zip(encoded, train.labels, strict=True)
    ]

    def collate(batch: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        tensors = pad([row["input_ids"] for row in batch], tokenizer.pad_token_id)
        return {**tensors, "labels": torch.tensor([row["labels"] for row in batch])}

    with tempfile.TemporaryDirectory(prefix="leanstage-demo-") as scratch:
        Trainer(
            model=model,
            args=training_arguments(
                Path(scratch),
                epochs=epochs,
                learning_rate=learning_rate,
                batch_size=BATCH_SIZE,
                seed=SEED,
                device_type=model.device.type,
            ),
            train_dataset=rows,
            data_collator=collate,
            callbacks=[Teller("fine-tuning the baseline")],
        ).train()
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


if __name__ == "__main__":
    from leanstage.orphans import die_with_parent

    die_with_parent()
    with progress.stage("baseline"):
        prepare(Path(sys.argv[1]))
