"""A causal model through the same line, from the command line: how its sentences end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from leanstage.contracts import Outcome
from leanstage.variant import open_variant
from tests.e2e.test_line import leanstage, registry, run_arguments
from tests.generation_model import sentences, train_tiny_llama, write_texts

pytestmark = pytest.mark.e2e

# Completes the evaluation rows with nothing of ours: plain libraries on the promoted files.
REPLAY = """
import json, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, rows_path = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
rows = [json.loads(line)["text"].rsplit(maxsplit=1) for line in open(rows_path)]
right = 0
for prompt, word in rows:
    asked = tokenizer(prompt, return_tensors="pt")
    limit = len(tokenizer(" " + word, add_special_tokens=False)["input_ids"])
    written = model.generate(
        input_ids=asked["input_ids"], attention_mask=asked["attention_mask"],
        max_new_tokens=limit, do_sample=False, pad_token_id=1,
    )[0, asked["input_ids"].shape[1]:]
    right += tokenizer.decode(written, skip_special_tokens=True).strip() == word
print(right / len(rows))
"""


FEWER_LAYERS = {
    "id": "prune.generation",
    "when": {"task": {"eq": "text-generation"}},
    "answer": "Try a fifth of the layers, then two fifths.",
    "reason": "Layers of 64 neurons gain nothing from fewer neurons.",
    "source": "tests",
    "settings": {
        "ratios": [0.8, 0.6],
        "dimensions": ["layers"],
        "most_per_round": 0.8,
        "epochs": 4,
        "learning_rate": 2.0e-3,
        "batch_size": 32,
    },
}
"""A branch of one's own."""


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama with its data: rows of text, whose last word is asked for."""
    folder = tmp_path_factory.mktemp("language")
    (folder / "model").mkdir()
    train_tiny_llama(folder / "model", layers=10, steps=140)
    texts = sentences(2200, seed=5)
    write_texts(folder / "train.jsonl", texts[:1600])
    write_texts(folder / "validation.jsonl", texts[1600:1800])
    write_texts(folder / "evaluation.jsonl", texts[1800:])
    return folder


def test_a_causal_model_becomes_leaner_and_still_ends_its_sentences(
    language: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, policy, written = tmp_path / "home", tmp_path / "policy.yaml", tmp_path / "outcome.json"
    # So narrow a model spends its time on layers, whatever their width: with a fifth of them it
    # saves about half, which six blocks show on a busy machine as well. It has little to spare,
    # so the limits are wide.
    policy.write_text("name: e2e\ntolerance: 0.08\nmargin: 0.15\nmin_saving: 0.0\n")
    (tmp_path / "tree.yaml").write_text(yaml.safe_dump({"name": "e2e", "branches": [FEWER_LAYERS]}))
    monkeypatch.setenv("LEANSTAGE_TREE", str(tmp_path / "tree.yaml"))
    # A model this small loses more to waiting threads than it gains from them.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    finished = leanstage(*run_arguments(language, policy, written), home=home)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    outcome = Outcome.load(written)

    assert outcome.verdict == "PROMOTE_OPTIMIZED", outcome.reasons
    assert outcome.promoted is not None
    assert outcome.evaluation is not None
    assert outcome.energy is not None
    assert outcome.evaluation.metric == "exact_match"
    assert "exact match" in outcome.sentence
    assert outcome.evaluation.baseline > 0.7, "the baseline has learnt how sentences end"
    assert outcome.energy.ratio < 0.8, "against the form as registered"

    promoted = open_variant(outcome.promoted.path)
    assert promoted.digest == outcome.promoted.digest
    assert (promoted.manifest.task, promoted.manifest.labels) == ("text-generation", ())
    steps = {step.technique: step for step in promoted.manifest.lineage}
    assert [steps[name].status for name in ("distill", "prune")] == ["skipped", "applied"]
    config = json.loads((promoted.path / "config.json").read_text())
    assert config["num_hidden_layers"] in (2, 4)
    assert (config["num_attention_heads"], config["num_key_value_heads"]) == (4, 2)
    champion = registry(home).get_model_version_by_alias("small-reviews", "champion")
    assert champion.tags["leanstage.digest"] == outcome.promoted.digest

    # The files alone, in a fresh process without leanstage, give the share of the report.
    replay = subprocess.run(
        [sys.executable, "-c", REPLAY, outcome.promoted.path, language / "evaluation.jsonl"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    # Batches are padded; where two tokens are as likely, rounding may tell.
    assert float(replay.stdout) == pytest.approx(outcome.evaluation.candidate, abs=0.01)

    page = Path(outcome.report).read_text(encoding="utf-8")
    assert outcome.sentence in page
    assert "Perplexity is" in page
    assert "J/output token" in page
