"""Stretches of the line that more than one pipeline wires: plain functions that create tasks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from leanstage.components import (
    distill,
    energy_measure,
    evaluate,
    gate,
    plan,
    promote,
    prune,
    quantize,
    report,
    resolve,
)
from leanstage.pipelines._compiling import checkpoints, placed


class Optimized(NamedTuple):
    """Tasks of the first half that the second builds on."""

    resolved: Any
    planned: Any
    optimized: Any
    fallback: Any


def optimize_tasks(*, seed: int, **request: Any) -> Optimized:
    """Resolve, plan, distill, prune, quantize; and the baseline quantized as the fallback."""
    resolved = placed(resolve(**request)).set_caching_options(False)
    inputs = resolved.outputs
    planned = plan(
        baseline=inputs["baseline"],
        train=inputs["train"],
        unlabelled=inputs["unlabelled"],
        context=inputs["context"],
    )
    placed(planned).set_caching_options(False)
    training: dict[str, Any] = {"seed": seed, "checkpoints": checkpoints()}
    distilled = distill(
        teacher=inputs["baseline"],
        train=inputs["train"],
        validation=inputs["validation"],
        unlabelled=inputs["unlabelled"],
        pretrained=inputs["pretrained"],
        plan=planned.output,
        **training,
    )
    shared = {
        "answers": placed(distilled).outputs["answers"],
        "validation": inputs["validation"],
        "plan": planned.output,
    }
    pruned = prune(
        model=distilled.outputs["student"], teacher=inputs["baseline"], **shared, **training
    )
    quantizing = {
        "baseline": inputs["baseline"],
        "context": inputs["context"],
        "train": inputs["train"],
        **shared,
    }
    optimized = placed(quantize(model=placed(pruned).output, **quantizing))
    fallback = placed(
        quantize(model=inputs["baseline"], stage_name="quantize the baseline", **quantizing)
    ).set_display_name("quantize-fallback")
    # Forms are timed: the two do not run at once, and this one can begin earlier.
    optimized.after(fallback)
    return Optimized(resolved, planned, optimized, fallback)


def evidence_tasks(
    inputs: Mapping[str, Any],
    candidates: Mapping[str, Any],
    *,
    after: Any = None,
    **measuring: Any,
) -> dict[str, Any]:
    """Evaluate the candidates and measure their energy, each paired with the baseline.

    One task after another: two that are heavy spoil each other's figures where they share a node.

    Args:
        inputs: the baseline, the context, the champion, and the rows: those to train and to
            evaluate on, and the sample of production.
        candidates: by role.
        after: a task to wait for.
        measuring: of ``energy_measure``.
    """
    evidence: dict[str, Any] = {}
    for role, candidate in candidates.items():
        pair = {
            "baseline": inputs["baseline"],
            "candidate": candidate,
            "evaluation": inputs["evaluation"],
            "context": inputs["context"],
        }
        evaluated = evaluate(
            **pair,
            champion=inputs["champion"],
            train=inputs["train"],
            production=inputs["production"],
            stage_name=f"evaluate {role}",
        )
        placed(evaluated).set_display_name(f"evaluate-{role}")
        if after is not None:
            evaluated.after(after)
        measured = energy_measure(**pair, **measuring, stage_name=f"energy_measure {role}")
        placed(measured).set_display_name(f"energy-measure-{role}").set_caching_options(False)
        after = measured.after(evaluated)
        evidence |= {
            role: candidate,
            f"{role}_evaluation": evaluated.outputs["figures"],
            f"{role}_energy": measured.outputs["figures"],
        }
    return evidence


def decision_tasks(*, context: Any, plan: Any, baseline: Any, **evidence: Any) -> None:
    """Gate, report, promote: in this order, so that a blocked run leaves its report."""
    files = {"context": context, "plan": plan, "baseline": baseline, **evidence}
    ruling = placed(gate(**files)).set_caching_options(False)
    decision = ruling.outputs["decision"]
    reported = placed(report(decision=decision, **files)).set_caching_options(False)
    promoted = promote(
        decision=decision,
        baseline=baseline,
        optimized=evidence["optimized"],
        fallback=evidence["fallback"],
    )
    placed(promoted).set_caching_options(False).after(reported)
