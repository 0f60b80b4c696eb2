"""Small real checkpoints and data that every test folder may use."""

import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.browser",
    "tests.command",
    "tests.kfp_server",
    "tests.mlflow_server",
    "tests.workers",
]

WORDS = (
    "the a film story plot actor scene camera music ending quiet long short first second "
    "director cast watch feels looks seems very quite rather almost never always"
).split()
GOOD = ["wonderful", "brilliant", "moving", "charming", "superb"]
BAD = ["dreadful", "boring", "clumsy", "hollow", "tedious"]
LABELS = ("negative", "positive")


def reviews(n: int, *, seed: int) -> list[tuple[str, int]]:
    """Sentences whose label shows in two of their words."""
    rng = random.Random(seed)
    rows = []
    for row in range(n):
        label = row % 2
        words = rng.choices(WORDS, k=rng.randint(6, 14))
        for word in rng.sample(GOOD if label else BAD, k=2):
            words.insert(rng.randrange(len(words)), word)
        rows.append((" ".join(words), label))
    rng.shuffle(rows)
    return rows


def write_rows(path: Path, rows: Sequence[tuple[str, object]]) -> Path:
    """Write labelled rows as JSON Lines."""
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def save_tokenizer(folder: Path, words: Sequence[str] = ()) -> int:
    """Write a word-level BERT tokenizer over the words above; returns its size."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: index for index, word in enumerate([*special, *WORDS, *GOOD, *BAD, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=64,
    ).save_pretrained(folder)
    return len(vocabulary)


def tiny_config(family: str, vocabulary: int, *, layers: int = 3) -> object:
    """The config of a small classifier of one of the supported families."""
    from transformers import BertConfig, DistilBertConfig, MPNetConfig, RobertaConfig

    common = {
        "vocab_size": vocabulary,
        "pad_token_id": 0,
        "id2label": dict(enumerate(LABELS)),
        "label2id": {name: index for index, name in enumerate(LABELS)},
    }
    if family == "distilbert":
        return DistilBertConfig(
            n_layers=layers, dim=64, n_heads=4, hidden_dim=256, max_position_embeddings=64, **common
        )
    kind = {"bert": BertConfig, "roberta": RobertaConfig, "mpnet": MPNetConfig}[family]
    return kind(
        num_hidden_layers=layers,
        hidden_size=64,
        num_attention_heads=4,
        intermediate_size=256,
        max_position_embeddings=80,
        **common,
    )


def train_tiny(folder: Path, family: str, *, steps: int = 60) -> Path:
    """A checkpoint that has really learnt the task, in about two seconds."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(0)
    vocabulary = save_tokenizer(folder)
    model = AutoModelForSequenceClassification.from_config(tiny_config(family, vocabulary))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    rows = reviews(32 * steps, seed=1)
    model.train()
    for step in range(steps):
        texts, labels = zip(*rows[32 * step : 32 * (step + 1)], strict=True)
        batch = tokenizer(list(texts), padding=True, return_tensors="pt")
        answer = model(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            labels=torch.tensor(labels),
        )
        answer.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Trained tiny checkpoints by family, each made once; never write into one."""
    made: dict[str, Path] = {}

    def checkpoint(family: str) -> Path:
        if family not in made:
            made[family] = train_tiny(tmp_path_factory.mktemp(f"tiny-{family}"), family)
        return made[family]

    return checkpoint


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained tiny causal model with grouped queries; never write into it."""
    from tests.generation_model import train_tiny_llama

    return train_tiny_llama(tmp_path_factory.mktemp("tiny-llama"))


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Path]:
    """Training and evaluation rows as JSON Lines."""
    folder = tmp_path / "data"
    folder.mkdir()
    return {
        "train": write_rows(folder / "train.jsonl", reviews(600, seed=2)),
        "evaluation": write_rows(folder / "evaluation.jsonl", reviews(400, seed=3)),
    }


@pytest.fixture(autouse=True)
def embedded_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An MLflow of its own for every test, and no hub."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("LEANSTAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # Also where the tests run in a pod: what they plan for is the machine at hand.
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("LEANSTAGE_EVENTS", "")
    return uri


@pytest.fixture(scope="session")
def migrated_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with every table; migrations take seconds, a copy takes none."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("migrated") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every package and resource of this release as a folder; never write into it."""
    from leanstage.runner.packages import write_packages

    folder = tmp_path_factory.mktemp("release")
    write_packages(folder)
    return folder


@pytest.fixture
def mlflow_here(migrated_db: Path, embedded_mlflow: str) -> str:
    """The embedded MLflow of this test, ready to use."""
    shutil.copyfile(migrated_db, embedded_mlflow.removeprefix("sqlite:///"))
    return embedded_mlflow
