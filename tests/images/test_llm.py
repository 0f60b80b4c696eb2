"""The image of llm-compressor on a model that has learnt something."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from leanstage.components._image import image
from tests.generation_model import sentences, write_prompts, write_texts

pytestmark = pytest.mark.images

# Prints the mean loss a token of every folder, in nats, on the texts of a file.
_LOSSES = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
texts = [json.loads(line)["text"] for line in open("texts.jsonl")]
for folder in sys.argv[1:]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    lost = tokens = 0
    for text in texts:
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            loss = model(input_ids=ids, labels=ids).loss.item()
        tokens += ids.shape[1] - 1
        lost += loss * (ids.shape[1] - 1)
    print(f"\\nmean loss of {folder}: {lost / tokens}")
"""


@pytest.fixture
def work(tiny_llama: Path, tmp_path: Path) -> Path:
    """A folder that any user may write to, with a model and rows like those that it learnt."""
    folder = tmp_path / "work"
    (folder / "model").mkdir(parents=True)
    # File by file: weights are written closed to every other user.
    for file in tiny_llama.iterdir():
        shutil.copyfile(file, folder / "model" / file.name)
    write_prompts(folder / "rows.jsonl", sentences(24, seed=5))
    write_texts(folder / "texts.jsonl", sentences(60, seed=6))
    folder.chmod(0o777)
    return folder


def run(engine: Any, work: Path, *command: str, mode: str = "rw") -> tuple[int, str]:
    """What a command answers and prints where it may write to ``work`` and /tmp alone."""
    container = engine.containers.run(
        image("llm"),
        [*command],
        detach=True,
        network_mode="none",
        read_only=True,
        tmpfs={"/tmp": ""},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        # Root's tests let it run as the number that it has; anyone else's, as their own.
        user=None if os.getuid() == 0 else f"{os.getuid()}:{os.getgid()}",
        environment={"OMP_NUM_THREADS": "1"},
        volumes={str(work): {"bind": "/work", "mode": mode}},
        working_dir="/work",
    )
    try:
        status = container.wait(timeout=900)["StatusCode"]
        return status, container.logs().decode()
    finally:
        container.remove(force=True)


def test_what_it_writes_loads_and_writes_like_the_original(engine: Any, work: Path) -> None:
    whole = (work / "model" / "model.safetensors").stat().st_size
    for method, more in (("round", []), ("gptq", ["--rows", "rows.jsonl"])):
        status, log = run(
            engine, work, "python", "/opt/compress.py", "model", method,
            "--scheme", "W8A8", "--method", method, *more,
        )  # fmt: skip
        assert status == 0, log[-4000:]
        size = (work / method / "model.safetensors").stat().st_size
        assert f"W8A8 by {method}: {whole:,} to {size:,} bytes of weights" in log
        assert size < 0.4 * whole
        config = json.loads((work / method / "config.json").read_text())
        assert config["quantization_config"]["quant_method"] == "compressed-tensors"
        assert config["quantization_config"]["format"] == "int-quantized"
    status, log = run(engine, work, "python", "-c", _LOSSES, "model", "round", "gptq")
    assert status == 0, log[-4000:]
    whole_loss, *losses = map(float, re.findall(r"^mean loss of \w+: (\S+)$", log, re.MULTILINE))
    assert whole_loss < 1.5, "it has learnt nothing that rounding could spoil"
    assert len(losses) == 2
    for loss in losses:
        assert loss == pytest.approx(whole_loss, abs=0.05)
        assert loss != whole_loss


def test_what_it_cannot_do_it_says_in_a_sentence(engine: Any, work: Path) -> None:
    command = ("python", "/opt/compress.py", "model", "out", "--scheme")
    status, log = run(engine, work, *command, "W4A16")
    assert status == 2
    assert "error: The following layers have weight column counts not divisible" in log
    status, log = run(engine, work, *command, "W5A5")
    assert status == 2
    assert "preset scheme" in log.rpartition("error: ")[2]
    status, log = run(engine, work, *command, "W8A8", mode="ro")
    assert status == 2
    assert "/work takes no files of user" in log
    assert not (work / "out").exists()
