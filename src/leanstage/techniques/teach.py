"""The teacher answers the rows to learn from, once."""

from collections.abc import Sequence
from typing import Any

from leanstage import progress
from leanstage.techniques.data import TaughtRows, pad, to_device
from leanstage.techniques.memory import keep_freed_memory
from leanstage.techniques.precision import mixed_precision
from leanstage.techniques.states import States, Wanted, room_for
from leanstage.variant import Variant
from leanstage.variant.hardware import device_type
from leanstage.variant.tokens import TextEncoder


def teach(
    teacher: Variant,
    texts: Sequence[str],
    *,
    labels: Sequence[int] = (),
    wanted: Wanted = Wanted(),  # noqa: B008 - frozen
    batch_size: int = 64,
) -> TaughtRows:
    """Let the teacher answer every text, and keep what is ``wanted`` of its hidden states.

    Args:
        labels: class indices of the first texts; those after them have none.

    Raises:
        InputError: the hidden states take more room than the disk has.
    """
    import torch

    from leanstage.variant.checkpoint import load_checkpoint

    keep_freed_memory()
    encoder = TextEncoder(teacher.path, teacher.manifest.max_length)
    model: Any = load_checkpoint(teacher.path)
    model.to(device_type())
    ids = encoder.ids(texts)
    logits = torch.zeros(len(ids), model.config.num_labels)
    states = room_for(model, [len(row) for row in ids], wanted)
    # Rows of like length together: padding is work that teaches nothing.
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = pad([ids[row] for row in rows], encoder.pad_id)
        with torch.inference_mode(), mixed_precision(model.device.type):
            answer = model(
                **to_device(batch, model.device), output_hidden_states=states is not None
            )
        logits[rows] = answer.logits.float().cpu()
        if states is not None:
            _keep(states, rows, answer.hidden_states)
        if start // batch_size % 20 == 0:
            progress.step("the teacher answers the training rows", start / len(order))
    known = None
    if labels:
        known = torch.tensor([*labels, *[-1] * (len(ids) - len(labels))])
    return TaughtRows(ids, logits, encoder.pad_id, teacher.digest, known, states)


def _keep(states: States, rows: Sequence[int], hidden: Sequence[Any]) -> None:
    import torch

    planes = torch.stack([hidden[number] for number in states.planes], dim=2)
    for row, found in zip(rows, planes, strict=True):
        states.put(row, found)
