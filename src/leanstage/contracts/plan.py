"""Plan: which techniques to try, with which settings, and why."""

from typing import Any, Literal

from pydantic import Field

from leanstage.contracts.base import Contract, Part, Probability, Sha256


class HardwareProfile(Contract):
    """The machine that serves (here: the machine the task runs on)."""

    cpu: str
    family: int | None = None
    model: int | None = None
    threads: int = Field(gt=0)
    memory_bytes: int = Field(gt=0)
    features: tuple[str, ...] = ()
    """Instruction sets that matter here: avx2, avx512_vnni, avx512_bf16, amx_int8, ..."""
    accelerators: tuple[str, ...] = ()


class Answer(Part):
    """One question of the decision tree, answered."""

    question: str
    answer: str
    reason: str
    source: str


class DistillSettings(Part):
    """Depths of the student to try, deepest saving first; empty ``depths`` skips the technique."""

    depths: tuple[float, ...] = ()
    epochs: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=2e-4, gt=0)
    batch_size: int = Field(default=32, ge=1)
    temperature: float = Field(default=2.0, gt=0)
    hidden_weight: float = Field(default=0.0, ge=0)


class PruneSettings(Part):
    """Shares of the feed-forward width to remove, largest first; empty skips the technique."""

    ratios: tuple[float, ...] = ()
    epochs: int = Field(default=2, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0)
    batch_size: int = Field(default=32, ge=1)
    temperature: float = Field(default=2.0, gt=0)


class QuantizeSettings(Part):
    """Backends to measure; empty skips the technique."""

    backends: tuple[Literal["onnxruntime-int8", "bitsandbytes-int8", "torch-bf16"], ...] = ()
    min_gain: Probability = 0.05
    """Least share of CPU time a backend must save over its input to be applied."""


class Plan(Contract):
    """The walk through the decision tree and the settings it ended in."""

    tree_version: str
    facts: dict[str, Any]
    path: tuple[Answer, ...]
    tolerance: Probability
    hardware: HardwareProfile
    baseline_digest: Sha256
    distill: DistillSettings = DistillSettings()
    prune: PruneSettings = PruneSettings()
    quantize: QuantizeSettings = QuantizeSettings()
