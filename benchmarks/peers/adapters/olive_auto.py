"""Microsoft Olive: what its commands plan for int8 on a processor.

``optimize`` is its present command. It writes a workflow that takes ranges from Wikitext on a GPU;
as its documentation has it for other data, the workflow is written first, here told training rows
and the processor, and then run. ``auto-opt`` is the command before it, which still runs: ranges of
activations as they pass.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import CALIBRATION_ROWS, copy_tokenizer, session_options, tokenizer_of

GRAPH = "model.onnx"
COMMON = (
    *("--task", "text-classification", "--device", "cpu", "--precision", "int8"),
    *("--provider", "CPUExecutionProvider", "--disable_telemetry"),
)


def make(option: str, source: Path, rows: Path, target: Path) -> None:
    """Run Olive's command, or the workflow that it writes."""
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        found = Path(scratch) / "optimized"
        command = [option, "--model_name_or_path", str(source), "--output_path", str(found)]
        if option == "auto-opt":
            _olive(scratch, *command, *COMMON)
        else:
            _olive(scratch, *command, *COMMON, "--exporter", "torchscript_exporter", "--dry_run")
            workflow = found / "config.json"
            _with_rows(workflow, rows / "train.jsonl", source)
            _olive(scratch, "run", "--config", str(workflow), "--disable_telemetry")
        graphs = list(found.rglob(GRAPH))
        if len(graphs) != 1:
            raise SystemExit(f"olive {option} left {len(graphs)} models")
        shutil.copytree(graphs[0].parent, target)
    copy_tokenizer(source, target)


def load(_option: str, target: Path) -> Any:
    """Through onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        target / GRAPH, session_options(), providers=["CPUExecutionProvider"]
    )
    encode = tokenizer_of(target, "np")
    kinds = {port.name: port.type for port in session.get_inputs()}

    def answer(texts: list[str]) -> list[list[float]]:
        encoded = encode(texts)
        feed = {
            name: encoded[name].astype("int32" if kind == "tensor(int32)" else "int64")
            for name, kind in kinds.items()
        }
        return session.run(None, feed)[0].tolist()

    return answer


def _olive(scratch: str, *arguments: str) -> None:
    """Its command line, in a folder of its own: what it caches there it would not make again.

    Raises:
        SystemExit: it did not end well.
    """
    environment = os.environ | {"OLIVE_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-m", "olive", *arguments]
    finished = subprocess.run(command, cwd=scratch, env=environment, check=False)
    if finished.returncode != 0:
        raise SystemExit(finished.returncode)


def _with_rows(workflow: Path, train: Path, source: Path) -> None:
    """Training rows instead of Wikitext, and the processor instead of a GPU."""
    config = json.loads(workflow.read_text(encoding="utf-8"))
    config["data_configs"] = [
        {
            "name": "rows",
            "type": "HuggingfaceContainer",
            "task": "text-classification",
            "load_dataset_config": {
                "data_name": "json",
                "data_files": str(train),
                "split": f"train[:{CALIBRATION_ROWS}]",
            },
            "pre_process_data_config": {"model_name": str(source), "input_cols": ["text"]},
            "dataloader_config": {"batch_size": 1},
        }
    ]
    for step in config["passes"].values():
        if "data_config" in step:
            step |= {"data_config": "rows", "calibration_providers": ["CPUExecutionProvider"]}
    workflow.write_text(json.dumps(config), encoding="utf-8")
