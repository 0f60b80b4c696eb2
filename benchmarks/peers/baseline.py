"""The model that every peer starts from, fine-tuned once for each set and model."""

from pathlib import Path

from benchmarks.peers.sets import Labelled, pretrained, write_rows
from leanstage.demo.baseline import fine_tune
from leanstage.tasks import Examples
from leanstage.variant import fresh_folder

LEARNING_RATES = {"minilm": 1e-4, "mpnet": 3e-5}
EPOCHS = {"reviews": 2, "topics": 4}


def prepare(found: Labelled, set_name: str, model: str, work: Path) -> None:
    """Write ``rows/`` and ``checkpoint/`` into the work folder, where they are not there yet."""
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "rows").is_dir():
        with fresh_folder(work / "rows") as draft:
            for split, rows in found.rows.items():
                write_rows(draft / f"{split}.jsonl", rows)
    if not (work / "checkpoint").is_dir():
        train = found.rows["train"]
        numbers = {label: number for number, label in enumerate(found.labels)}
        fine_tune(
            pretrained(model, work.parent),
            Examples([r["text"] for r in train], [numbers[r["label"]] for r in train], set_name),
            work / "checkpoint",
            labels=found.labels,
            max_length=found.max_length,
            learning_rate=LEARNING_RATES[model],
            epochs=EPOCHS[set_name],
        )
