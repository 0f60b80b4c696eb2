"""The YAML at the head of a card: what the hub reads, and all figures under ``leanstage``."""

from typing import TYPE_CHECKING, Any

from leanstage.card.sections.energy import load_title
from leanstage.card.subject import Subject, hub_model, origin
from leanstage.contracts import (
    CardedEnergy,
    CardedMetric,
    CardedStep,
    CardFacts,
    Metric,
    Runtime,
    Technique,
)
from leanstage.report.escape import line, visible
from leanstage.report.names import title

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

HUB_METRIC: dict[Metric, str] = {"macro_f1": "f1"}
"""What the hub calls a metric otherwise."""
RUNTIME_TAGS: dict[Runtime, tuple[str, ...]] = {
    "torch": (),
    "onnxruntime": ("onnx",),
    "openvino": ("openvino",),
}
TAGS: dict[Technique, str] = {
    "distill": "distillation",
    "prune": "pruning",
    "quantize": "quantization",
}


def card_data(subject: Subject, facts: CardFacts) -> "ModelCardData":
    """The metadata; its key ``leanstage`` is a :class:`CardFacts`.

    Language and licence are the base model's, which nothing here knows: they are left out.
    """
    from huggingface_hub import ModelCardData

    manifest = subject.manifest
    applied = [step.technique for step in facts.lineage if step.status == "applied"]
    base = hub_model(subject.context.pinned_model)
    relation = "quantized" if applied == ["quantize"] else "finetune"
    results = _results(subject, facts)
    return ModelCardData(
        base_model=base,
        base_model_relation=relation if base and applied else None,
        pipeline_tag=manifest.task,
        library_name="transformers" if manifest.runtime == "torch" else None,
        tags=[
            "leanstage",
            *RUNTIME_TAGS[manifest.runtime],
            manifest.precision,
            *(TAGS[technique] for technique in applied),
        ],
        metrics=[HUB_METRIC.get(each.metric, each.metric) for each in facts.metrics] or None,
        model_name=line(subject.name),
        eval_results=results or None,
        leanstage=facts.model_dump(mode="json"),
    )


def _results(subject: Subject, facts: CardFacts) -> list["EvalResult"]:
    task = subject.manifest.task
    rows = subject.context.evaluation
    own = [each for each in facts.energy if each.variant == facts.role and each.form == subject.arm]
    return [
        *(_of_metric(each, task, line(origin(rows.source))) for each in facts.metrics),
        *(_of_energy(each, task, line(origin(rows.source))) for each in own),
    ]


def _of_metric(figure: CardedMetric, task: str, rows: str) -> "EvalResult":
    from huggingface_hub import EvalResult

    return EvalResult(
        task_type=task,
        dataset_type="custom",
        dataset_name=rows,
        dataset_split="evaluation",
        metric_type=HUB_METRIC.get(figure.metric, figure.metric),
        metric_name=title(figure.metric),
        metric_value=figure.value,
        metric_args=figure.model_dump(mode="json", include={"n", "ci95"}),
    )


def _of_energy(figure: CardedEnergy, task: str, rows: str) -> "EvalResult":
    from huggingface_hub import EvalResult

    return EvalResult(
        task_type=task,
        dataset_type="custom",
        dataset_name=rows,
        dataset_split="evaluation",
        metric_type="joules_per_answer",
        metric_name=f"Inference energy, J/answer ({figure.tier}): {load_title(figure)}",
        metric_value=figure.joules_per_answer,
        metric_args=figure.model_dump(
            mode="json",
            include={"ci95", "batch_size", "request_rate", "overloaded", "meter", "tier", "scale"},
        ),
    )


def card_facts(
    subject: Subject, metrics: tuple[CardedMetric, ...], energy: tuple[CardedEnergy, ...]
) -> CardFacts:
    """What the card says, for programs."""
    decision = subject.inputs.decision
    facts = CardFacts.model_validate(
        {
            "source": decision.source,
            "role": subject.role,
            "verdict": decision.verdict,
            "digest": decision.digest,
            "baseline_digest": decision.baseline_digest,
            "decided": decision.decided,
            "run_id": decision.run_id,
            "policy": decision.policy_name,
            "policy_sha256": decision.policy_sha256,
            "evidence_sha256": decision.evidence_sha256,
            "lineage": [
                CardedStep(technique=step.technique, status=step.status)
                for step in subject.manifest.lineage
            ],
            "metrics": metrics,
            "energy": energy,
        }
    )
    return CardFacts.model_validate(_visible(facts.model_dump(mode="json")))


def _visible(value: Any) -> Any:
    """JSON whose texts hide nothing."""
    if isinstance(value, dict):
        return {name: _visible(each) for name, each in value.items()}
    return [_visible(each) for each in value] if isinstance(value, list) else visible(value)
