"""How long `leanstage plan` takes in a fresh process, from its start to its last line.

Run by hand: ``.venv/bin/python benchmarks/plan_time.py [--runs N] [--json FILE]``. The model is an
untrained BERT of the given shape, the hardware profile is calibrated, and a tree of an
organization is merged in.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.table import Table

from leanstage.contracts import Calibration, Form, Gain, HardwareProfile

GOAL_SECONDS = 1.0
COMMAND = Path(sys.executable).with_name("leanstage")
OWN = Path(__file__).parents[1] / "src" / "leanstage" / "plan" / "example.yaml"


def main() -> None:
    """Make the model and the profile, plan in turn with and without them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=384)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leanstage-plan-time-") as scratch:
        folder = Path(scratch)
        size = write_model(folder / "model", options.layers, options.hidden)
        profile = write_profile(folder / "profile.json", f"{options.layers}x{options.hidden}")
        plain = ["plan", "--model", str(folder / "model")]
        commands = {
            "start-up alone (--version)": ["--version"],
            "plan": plain,
            "plan, calibrated, own tree": [
                *(*plain, "--hardware", str(profile), "--tree", str(OWN)),
                *("--json", str(folder / "plan.json")),
            ],
        }
        timed = {name: measure(command, options.runs, folder) for name, command in commands.items()}
    figures = {
        "shape": f"{options.layers}x{options.hidden}",
        "model_bytes": size,
        "runs": options.runs,
        "processor": processor(),
        "commands": timed,
    }
    show(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def measure(command: list[str], runs: int, folder: Path) -> dict[str, float]:
    """Wall and processor seconds of fresh processes; the first, which fills caches, is left out."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LEANSTAGE_")}
    wall, processor_seconds = [], []
    for _ in range(runs + 1):
        before, began = children_seconds(), time.monotonic()
        subprocess.run(
            [str(COMMAND), *command],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        wall.append(time.monotonic() - began)
        processor_seconds.append(children_seconds() - before)
    return {
        "median_seconds": statistics.median(wall[1:]),
        "worst_seconds": max(wall[1:]),
        "median_processor_seconds": statistics.median(processor_seconds[1:]),
    }


def children_seconds() -> float:
    """Processor time of every process that was started and has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_model(folder: Path, layers: int, hidden: int) -> int:
    """An untrained classifier; returns the bytes of its weights."""
    from transformers import BertConfig, BertForSequenceClassification
    from transformers.utils import logging

    logging.disable_progress_bar()
    config = BertConfig(
        num_hidden_layers=layers,
        hidden_size=hidden,
        num_attention_heads=hidden // 32,
        intermediate_size=4 * hidden,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return (folder / "model.safetensors").stat().st_size


def write_profile(path: Path, shape: str) -> Path:
    """A profile with a gain of every form at three batch sizes."""
    gains = tuple(
        Gain(form=form, shape=shape, batch_size=size, ratio=0.5, ci95=(0.4, 0.6))
        for form in get_args(Form)
        for size in (1, 8, 32)
    )
    calibration = Calibration(
        measured="2026-01-01T00:00:00+00:00", unit="none", versions={}, seconds=0.0, gains=gains
    )
    return HardwareProfile(
        name="benchmark", cpu="any", threads=2, memory_bytes=1, calibration=calibration
    ).save(path)


def processor() -> str:
    """The name of the processor, as the kernel has it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{name}, {os.cpu_count()} threads"


def show(figures: dict[str, object]) -> None:
    """Print the table."""
    table = Table(title=f"leanstage, {figures['runs']} fresh processes each")
    for heading in ("command", "median", "worst", "processor time", "goal"):
        table.add_column(heading, justify="left" if heading == "command" else "right")
    timed = figures["commands"]
    assert isinstance(timed, dict)
    for name, each in timed.items():
        table.add_row(
            name,
            f"{each['median_seconds']:.2f} s",
            f"{each['worst_seconds']:.2f} s",
            f"{each['median_processor_seconds']:.2f} s",
            f"under {GOAL_SECONDS:.0f} s",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
