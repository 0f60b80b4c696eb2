"""Intel Neural Compressor: static int8 through PyTorch's export, compiled and frozen."""

from pathlib import Path
from typing import Any

import torch
from common import (
    CALIBRATION_ROWS,
    THREADS,
    checkpoint,
    copy_tokenizer,
    rows_of,
    tokenizer_of,
)
from neural_compressor.torch.export import export
from neural_compressor.torch.quantization import (
    convert,
    get_default_static_config,
    prepare,
)
from neural_compressor.torch.quantization import (
    load as load_saved,
)

NAMES = ("input_ids", "attention_mask")


class Logits(torch.nn.Module):
    """The classifier from tensors to a tensor; segments are zero, as one text has them."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Logits, shape (rows, classes), from shapes (rows, tokens)."""
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def make(_option: str, source: Path, rows: Path, target: Path) -> None:
    """Export with free axes, take ranges from training rows, convert and save."""
    encode = tokenizer_of(source)
    texts = [row["text"] for row in rows_of(rows, "train", CALIBRATION_ROWS)]

    def inputs(batch: list[str]) -> tuple[torch.Tensor, ...]:
        encoded = encode(batch)
        return tuple(encoded[name] for name in NAMES)

    axes = {0: torch.export.Dim("rows"), 1: torch.export.Dim("tokens", max=512)}
    example = inputs(texts[:2])
    graph = export(Logits(checkpoint(source)), example, dict.fromkeys(NAMES, axes))
    prepared = prepare(graph, quant_config=get_default_static_config())
    with torch.no_grad():
        for text in texts:
            prepared(*inputs([text]))
    converted = convert(prepared)
    target.mkdir(parents=True)
    converted.save(example_inputs=example, output_dir=str(target))
    copy_tokenizer(source, target)


def load(_option: str, target: Path) -> Any:
    """Compiled, which is where its speed comes from."""
    from torch._inductor import config

    torch.set_num_threads(THREADS)
    config.freezing = True
    model = torch.compile(load_saved(str(target)), dynamic=True)
    encode = tokenizer_of(target)

    def answer(texts: list[str]) -> list[list[float]]:
        encoded = encode(texts)
        # Frozen weights are folded where no gradient is asked for.
        with torch.no_grad():
            return model(*(encoded[name] for name in NAMES)).tolist()

    return answer
