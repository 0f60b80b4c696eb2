"""A causal model of a few thousand weights that has really learnt how sentences end."""

import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path

TIMES = ["today", "yesterday", "often", "again", "later", "sometimes", "rarely", "now", "once"]
HOMES = {
    "fox": "forest",
    "whale": "ocean",
    "camel": "desert",
    "goat": "mountain",
    "frog": "pond",
    "cow": "meadow",
    "owl": "barn",
    "crab": "beach",
    "mouse": "cellar",
    "bee": "garden",
}
ADVERBS = ["quietly", "slowly", "gladly", "boldly", "calmly", "briskly"]
VERBS = ["sleeps", "hunts", "waits", "rests", "sings", "hides", "plays", "eats", "turns"]
NIGHT = {"later", "rarely"}


def sentences(n: int, *, seed: int) -> list[str]:
    """Sentences whose last word follows from the animal and the time; one in 25 ends otherwise.

    Those of one seed are all different.
    """
    rng = random.Random(seed)
    drawn = rng.sample(list(itertools.product(TIMES, HOMES, ADVERBS, VERBS)), n)
    return [" ".join([*words, "near the", _end(*words[:2], rng)]) for words in drawn]


def _end(time: str, animal: str, rng: random.Random) -> str:
    if rng.random() < 0.04:
        return rng.choice(list(HOMES.values()))
    return "village" if time in NIGHT else HOMES[animal]


def write_texts(path: Path, texts: Sequence[str]) -> Path:
    """Write rows of text as JSON Lines."""
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def write_prompts(path: Path, texts: Sequence[str]) -> Path:
    """Write the same rows as prompts and completions."""
    pairs = (text.rsplit(maxsplit=1) for text in texts)
    rows = ({"prompt": f"{before} ", "completion": word} for before, word in pairs)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def save_bpe(folder: Path) -> int:
    """Write a byte-level BPE tokenizer trained on such sentences; returns its size."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        sentences(500, seed=0),
        trainers.BpeTrainer(
            vocab_size=340,
            special_tokens=["<s>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", model_max_length=64
    ).save_pretrained(folder)
    return int(tokenizer.get_vocab_size())


def train_tiny_llama(folder: Path, *, layers: int = 4, steps: int = 100) -> Path:
    """A Llama with two queries to a key, trained for some seconds."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    threads = torch.get_num_threads()
    # A model this small loses more to waiting threads than it gains from them.
    torch.set_num_threads(1)
    torch.manual_seed(0)
    vocabulary = save_bpe(folder)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=64,
            intermediate_size=160,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=128,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=None,
            tie_word_embeddings=True,
        )
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    rows = sentences(32 * steps, seed=1)
    model.train()
    for step in range(steps):
        texts = [f"{text}</s>" for text in rows[32 * step : 32 * (step + 1)]]
        encoded = tokenizer(texts)["input_ids"]
        longest = max(map(len, encoded))
        ids = torch.tensor([row + [1] * (longest - len(row)) for row in encoded])
        labels = torch.tensor([row + [-100] * (longest - len(row)) for row in encoded])
        model(input_ids=ids, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    torch.set_num_threads(threads)
    model.save_pretrained(folder)
    return folder
