"""Quantize a causal checkpoint with llm-compressor, into what vLLM loads (compressed-tensors).

Usage: python compress.py MODEL OUT [--scheme W4A16] [--method gptq] [--rows rows.jsonl]

MODEL is a folder with weights in safetensors. Without rows the weights alone are rounded; rows
(JSON Lines with ``text``, or ``prompt`` and ``completion``) calibrate activations, or with
``--method gptq`` what is rounded where. The output head stays as it is.
"""

import argparse
import json
import os
import sys
from pathlib import Path


def main() -> int:
    """Parse the arguments, compress, and say what came out."""
    parser = argparse.ArgumentParser(description="Quantize a causal model with llm-compressor.")
    parser.add_argument("model", type=Path, help="folder of the checkpoint")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--scheme", default="W4A16", help="such as W4A16, W8A8, FP8_DYNAMIC")
    parser.add_argument("--method", choices=("round", "gptq"), default="round")
    parser.add_argument("--rows", type=Path, help="JSON Lines to calibrate on")
    parser.add_argument("--samples", type=int, default=256, help="rows to calibrate on, at most")
    parser.add_argument("--length", type=int, default=512, help="tokens of a row, at most")
    asked = parser.parse_args()
    if not any(asked.model.glob("*.safetensors")):
        parser.error(f"{asked.model} holds no .safetensors weights; pickles are never loaded.")
    if asked.out.exists():
        parser.error(f"{asked.out} is there already; name a new folder.")
    if not os.access(asked.out.parent, os.W_OK):
        # Said before the work, not after it: in a container it is often another's folder.
        parser.error(f"{asked.out.parent.resolve()} takes no files of user {os.getuid()}.")
    if asked.method == "gptq" and asked.rows is None:
        parser.error("gptq goes by text: pass --rows.")
    if min(asked.samples, asked.length) < 1:
        parser.error("--samples and --length start at 1.")
    try:
        compress(asked, texts(asked.rows) if asked.rows is not None else [])
    except (OSError, ValueError) as error:
        # Of the rows, of a checkpoint that is none, of a scheme that does not suit the model.
        parser.error(str(error))
    before, after = (weights(folder) for folder in (asked.model, asked.out))
    print(f"{asked.scheme} by {asked.method}: {before:,} to {after:,} bytes of weights")
    return 0


def compress(asked: argparse.Namespace, rows: list[str]) -> None:
    """Write the checkpoint, its tokenizer and the recipe to ``asked.out``; ``rows`` calibrate.

    Raises:
        ValueError: a scheme that llm-compressor does not know, or refuses for this model.
    """
    from datasets import Dataset
    from llmcompressor import oneshot
    from llmcompressor.modifiers.gptq import GPTQModifier
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from transformers import AutoModelForCausalLM, AutoTokenizer

    local = {"local_files_only": True, "trust_remote_code": False}
    model = AutoModelForCausalLM.from_pretrained(asked.model, use_safetensors=True, **local)
    tokenizer = AutoTokenizer.from_pretrained(asked.model, **local)
    kind = GPTQModifier if asked.method == "gptq" else QuantizationModifier
    recipe = kind(targets="Linear", scheme=asked.scheme, ignore=["lm_head"])
    calibration = {}
    if rows:
        calibration = {
            "dataset": Dataset.from_list([{"text": text} for text in rows]),
            "num_calibration_samples": asked.samples,
            "max_seq_length": asked.length,
        }
    oneshot(model=model, tokenizer=tokenizer, recipe=recipe, **calibration)
    model.save_pretrained(asked.out, save_compressed=True)
    tokenizer.save_pretrained(asked.out)


def texts(path: Path) -> list[str]:
    """The whole text of every row.

    Raises:
        ValueError: a row that is none, or no row at all.
    """
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, row {number}"
        try:
            row = json.loads(line)
        except ValueError:
            raise ValueError(f"{where} is no JSON.") from None
        if not isinstance(row, dict):
            raise ValueError(f"{where} is no object.")
        text = row.get("text") or f"{row.get('prompt', '')}{row.get('completion', '')}"
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{where} has no 'text' and no 'prompt'.")
        found.append(text)
    if not found:
        raise ValueError(f"{path} holds no rows.")
    return found


def weights(folder: Path) -> int:
    """Bytes of weights."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


if __name__ == "__main__":
    sys.exit(main())
