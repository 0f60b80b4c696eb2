"""OpenVINO: its default, and int8 by NNCF with and without control of accuracy."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from common import (
    CALIBRATION_ROWS,
    THREADS,
    checkpoint,
    copy_tokenizer,
    rows_of,
    tokenizer_of,
)

GRAPH = "openvino_model.xml"
MOST_LOST = 0.01


def make(option: str, source: Path, rows: Path, target: Path) -> None:
    """Convert, and quantize where that is asked for."""
    copy_tokenizer(source, target)
    model = checkpoint(source)
    encode = tokenizer_of(source)
    # Two rows of different length, so that no axis is taken for a constant.
    example = dict(encode(["a row of text", "another, somewhat longer row of text"]))
    graph = ov.convert_model(model, example_input=example)
    graph.reshape({port: [-1, -1] for port in graph.inputs})
    if option != "default":
        graph = _quantized(option, graph, source, rows)
    ov.save_model(graph, target / GRAPH)


def load(_option: str, target: Path) -> Any:
    """Compiled for two threads, everything else by default."""
    compiled = ov.Core().compile_model(target / GRAPH, "CPU", {"INFERENCE_NUM_THREADS": THREADS})
    encode = tokenizer_of(target, "np")
    names = _names(compiled)

    def answer(texts: list[str]) -> list[list[float]]:
        encoded = encode(texts)
        return compiled([encoded[name] for name in names])[0].tolist()

    return answer


def _quantized(option: str, graph: Any, source: Path, rows: Path) -> Any:
    """Ranges from training rows; where accuracy is controlled, on the validation rows."""
    import nncf

    encode = tokenizer_of(source, "np")
    names = _names(graph)

    def inputs(row: dict[str, str]) -> list[Any]:
        encoded = encode([row["text"]])
        return [encoded[name] for name in names]

    calibration = nncf.Dataset(rows_of(rows, "train", CALIBRATION_ROWS), inputs)
    settings = {
        "model_type": nncf.ModelType.TRANSFORMER,
        "subset_size": CALIBRATION_ROWS,
    }
    if option == "int8":
        return nncf.quantize(graph, calibration, **settings)
    labels = json.loads((source / "config.json").read_text(encoding="utf-8"))["label2id"]

    def accuracy(compiled: Any, held: Iterable[dict[str, str]]) -> float:
        right = [int(np.argmax(compiled(inputs(row))[0])) == labels[row["label"]] for row in held]
        return float(np.mean(right))

    return nncf.quantize_with_accuracy_control(
        graph,
        calibration_dataset=calibration,
        validation_dataset=nncf.Dataset(rows_of(rows, "validation")),
        validation_fn=accuracy,
        max_drop=MOST_LOST,
        drop_type=nncf.DropType.ABSOLUTE,
        **settings,
    )


def _names(graph: Any) -> list[str]:
    """Of its inputs, in order."""
    return [port.get_any_name() for port in graph.inputs]
