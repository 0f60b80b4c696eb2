"""Plan: which techniques to try, with which settings, and why."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from leanstage.contracts.base import Contract, Interval, Part, Probability, Sha256, sha256_json
from leanstage.contracts.variant import Technique

Form = Literal[
    "torch-bf16",
    "onnxruntime-fp32",
    "onnxruntime-int8",
    "onnxruntime-int8-static",
    "torch-fp16",
    "bitsandbytes-int8",
    "bitsandbytes-nf4",
    "torchao-int8",
    "torchao-int4",
    "openvino-bf16",
    "openvino-int8",
    "sparsity-unstructured",
    "sparsity-2:4",
    "half-depth",
    "half-width",
]
"""What calibration tries on a model; each against the same model in float32 under PyTorch."""

Serving = Literal["any", "onnxruntime", "torch", "transformers", "vllm", "kserve-huggingface"]
"""What loads a model where it serves; ``any`` where both runtimes of a variant can be loaded."""

Share = Annotated[float, Field(strict=True, gt=0, lt=1)]
Length = Annotated[int, Field(strict=True, ge=8)]
Epochs = Annotated[int, Field(strict=True, ge=1, le=100)]
Minutes = Annotated[float, Field(gt=0)]


class Gain(Part):
    """What one form of one model costs here, as a share of what its reference costs."""

    form: Form
    shape: str = Field(pattern=r"^[1-9]\d{0,3}x[1-9]\d{0,5}$")
    """Layers x hidden size of the model that was measured: ``6x384``."""
    batch_size: int = Field(gt=0, le=1_000_000)
    ratio: float | None = Field(default=None, gt=0)
    """Cost per answer over that of the same shape in float32 under PyTorch; below 1 is a gain."""
    ci95: Interval | None = None
    error: str | None = None
    """Why it could not be measured, as a sentence; then there is no ratio."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.ratio is None) == (self.error is None):
            raise ValueError(f"{self.form} at {self.shape} needs either 'ratio' or 'error'")
        if self.ci95 is not None:
            low, high = self.ci95
            if self.ratio is None or not 0 < low <= self.ratio <= high:
                raise ValueError(f"'ci95' of {self.form} at {self.shape} must hold its ratio")
        return self


class Calibration(Part):
    """What was measured on a machine, and how."""

    measured: str
    """UTC."""
    unit: str
    """What counts as cost: ``CPU-seconds per answer``, or seconds of the device."""
    versions: dict[str, str]
    """Of the libraries that compute, by name."""
    seconds: float = Field(ge=0)
    """How long it took."""
    gains: tuple[Gain, ...]


class HardwareProfile(Contract):
    """The machine that serves: what it is and, once calibrated, what it gains from each form."""

    name: str = ""
    """What a policy or a run calls it; empty for the machine at hand."""
    cpu: str
    family: int | None = None
    model: int | None = None
    threads: int = Field(gt=0)
    memory_bytes: int = Field(gt=0)
    features: tuple[str, ...] = ()
    """Instruction sets that matter here: avx2, avx512_vnni, avx512_bf16, amx_int8, ..."""
    accelerators: tuple[str, ...] = ()
    """GPUs that answer: those that PyTorch can use, so that none stands for the processor."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Kubernetes labels of the node that say what it is."""
    calibration: Calibration | None = None

    def node_sha256(self) -> str:
        """SHA-256 (hex) of the kind of node: two of one kind measure the same.

        It covers family, model and instruction sets of the processor (on Arm its implementer and
        part, which are its name) and the kinds of accelerator. What a task is given stays out,
        such as threads and the number of accelerators, and so do memory, labels and calibration.
        """
        return sha256_json(
            {
                "processor": self.cpu if self.family is None else [self.family, self.model],
                "features": sorted(set(self.features)),
                # The kernel writes names with spaces, labels of Kubernetes have dashes.
                "accelerators": sorted({"-".join(name.split()) for name in self.accelerators}),
            }
        )

    @property
    def known(self) -> bool:
        """Whether more than the architecture is known of the processor."""
        return self.family is not None or bool(self.features)

    def same_node(self, other: "HardwareProfile") -> bool:
        """Whether both are known to be of one kind of node."""
        return self.known and self.node_sha256() == other.node_sha256()

    def kind(self) -> str:
        """The kind of node in words: what :meth:`node_sha256` is made of, for a message."""
        numbers = "" if self.family is None else f" (family {self.family}, model {self.model})"
        parts = [f"{self.cpu}{numbers}", *sorted(set(self.features))]
        return ", ".join([*parts, *sorted(set(self.accelerators))])


class Answer(Part):
    """One question of the decision tree, answered.

    ``technique`` and ``branch`` are None in plans from before the tree had ids.
    """

    technique: Technique | None = None
    branch: str | None = None
    """Id of the branch that was taken."""
    question: str
    answer: str
    reason: str
    source: str
    basis: Literal["rule", "measured"] = "rule"
    """Whether what calibration measured decided it, or a rule of thumb."""
    gains: tuple[Gain, ...] = ()
    """What was measured about the question, undecided and failed measurements included."""
    left_out: tuple[Form, ...] = ()
    """What the settings would try as a rule, and calibration showed not to gain or not to run."""


class DistillSettings(Part):
    """Students to try; with no depths, widths, lengths and ``student`` the technique is skipped.

    How much of a text the teacher itself has to read is settled first. A search goes over the
    depths, then over the widths, each from the largest saving down. Where what it finds leaves half
    of what may be lost, it goes on over ``further_depths``, and then over the ``lengths`` that a
    student may learn to read. Where texts are long, the first search is over all depths.
    """

    lengths: tuple[Length, ...] = ()
    """Tokens of a text to read at most, where the teacher reads more; for classifiers."""

    depths: tuple[Share, ...] = ()
    """Shares of the teacher's layers to keep."""
    further_depths: tuple[Share, ...] = ()
    """Shares that are worth a training only where there is plenty left to lose."""
    widths: tuple[Share, ...] = ()
    """Shares of its width to keep: hidden size, heads and feed-forward layers alike."""
    student: bool = False
    """Try the checkpoint that the run brings along before students cut from the teacher."""
    epochs: Epochs = 3
    learning_rate: float = Field(default=2e-4, gt=0)
    batch_size: int = Field(default=32, ge=1)
    accumulation: int = Field(default=1, ge=1)
    """Parts in which the gradient of one step is gathered: for models too large for a batch."""
    temperature: float = Field(default=2.0, gt=0)
    hidden_weight: float = Field(default=0.0, ge=0)
    """Weight of the distance between hidden states, of layers in the same place of the depth."""
    attention_weight: float = Field(default=0.0, ge=0)
    """Weight of the distance between the relations of queries, keys and values."""
    relation_layer: int = Field(default=1, ge=1)
    """Layer of the teacher whose relations are learnt, from the top: 1 is the last."""
    relation_heads: int | None = Field(default=None, ge=1)
    """Heads that relations are split into; as many as the teacher has where nothing is said."""
    truth_weight: float = Field(default=0.0, ge=0, lt=1)
    """Share of the ground truth in the loss of labelled rows; the rest is the teacher's."""
    completions: bool = False
    """For generation: learn from what the teacher writes itself, beside the text at hand."""
    minutes: Minutes | None = None
    """Of the clock, within which the technique's trainings have to end; None: however long."""

    def tries(self) -> bool:
        """Whether there is anything to try."""
        return bool(self.depths or self.widths or self.student or self.lengths)

    @model_validator(mode="after")
    def _parts_of_one_size(self) -> Self:
        _require_parts(self.batch_size, self.accumulation)
        return self


Dimension = Literal["feed_forward", "heads", "hidden", "layers"]
Importance = Literal["taylor", "activation", "magnitude"]
Sparsity = Literal["unstructured", "2:4"]


class PruneSettings(Part):
    """Shares of the ``dimensions`` to remove, largest first; no ratio skips the technique.

    Where the largest of ``ratios`` that fits leaves half of what may be lost, ``further_ratios``
    are tried, too.
    """

    ratios: tuple[Share, ...] = ()
    further_ratios: tuple[Share, ...] = ()
    dimensions: tuple[Dimension, ...] = Field(default=("feed_forward",), min_length=1)
    """What each ratio is taken from. Heads go with the hidden size where the family ties them."""
    importance: Importance = "taylor"
    sparsity: Sparsity | None = None
    """Zeros instead of smaller layers: refused with what calibration measured."""
    most_per_round: float = Field(default=0.5, gt=0, le=1)
    """Share that a round removes at most; each round is recovered from before the next."""
    epochs: Epochs = 2
    learning_rate: float = Field(default=1e-4, gt=0)
    batch_size: int = Field(default=32, ge=1)
    accumulation: int = Field(default=1, ge=1)
    temperature: float = Field(default=2.0, gt=0)
    hidden_weight: float = Field(default=0.0, ge=0)
    attention_weight: float = Field(default=0.0, ge=0)
    minutes: Minutes | None = None
    """As in :class:`DistillSettings`."""

    @model_validator(mode="after")
    def _can_be_recovered(self) -> Self:
        _require_parts(self.batch_size, self.accumulation)
        if self.hidden_weight > 0 and "layers" in self.dimensions:
            raise ValueError(
                "'hidden_weight' holds evenly spread layers against those of the teacher, and "
                "'dimensions' with layers keeps those that matter most; set it to 0, or leave "
                "layers out"
            )
        return self


def _require_parts(batch_size: int, accumulation: int) -> None:
    if batch_size % accumulation:
        raise ValueError(
            f"'accumulation' of {accumulation} must divide 'batch_size' of {batch_size}"
        )


QuantizeBackend = Literal[
    "onnxruntime-int8",
    "onnxruntime-int8-static",
    "torch-bf16",
    "torch-fp16",
    "bitsandbytes-int8",
    "bitsandbytes-nf4",
    "torchao-int8",
    "torchao-int4",
    "openvino-bf16",
    "openvino-int8",
]
GPU_BACKENDS: frozenset[QuantizeBackend] = frozenset({"torchao-int4"})
"""Those that are made and answer on a GPU alone."""
RANGE_BACKENDS: frozenset[QuantizeBackend] = frozenset({"onnxruntime-int8-static", "openvino-int8"})
"""Those that take the ranges of activations from text."""


class QuantizeSettings(Part):
    """Backends to measure; empty skips the technique."""

    backends: tuple[QuantizeBackend, ...] = ()
    min_gain: Probability = 0.05
    """Least share of CPU time a backend must save over its input to be applied."""
    calibration_rows: int = Field(default=256, ge=2)
    """Rows of text from which the ranges of static quantization are taken, at most."""


class AccuracyTest(Part):
    """How the gate will judge the accuracy of a classifier: the bound of its drop."""

    rows: int = Field(gt=0)
    """Of evaluation."""
    margin: Probability
    """Largest bound that it accepts."""
    confidence: float = Field(gt=0.5, lt=1.0)
    """One-sided, for each candidate."""


class Plan(Contract):
    """The walk through the decision tree and the settings it ended in."""

    tree_version: str
    """With the name of an organization's own branches behind a ``+``."""
    tree_sha256: Sha256 | None = None
    """Of the whole tree, own branches included; None in plans from before it was recorded."""
    facts: dict[str, Any]
    path: tuple[Answer, ...]
    tolerance: Probability
    hardware: HardwareProfile
    baseline_digest: Sha256 | None
    """None in a preview, which registers nothing."""
    accuracy_test: AccuracyTest | None = None
    """What is to pass at the gate; None in previews and plans from before it was looked at."""
    distill: DistillSettings = DistillSettings()
    prune: PruneSettings = PruneSettings()
    quantize: QuantizeSettings = QuantizeSettings()
