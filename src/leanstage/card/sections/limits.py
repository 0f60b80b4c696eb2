"""What the figures of a card do not say."""

from leanstage.card.subject import Subject
from leanstage.report import names
from leanstage.report.document import Cell, Facts, Section
from leanstage.report.figures import count, excerpt, percent, sample


def limits_section(subject: Subject) -> Section:
    """What the figures do not say."""
    items: list[tuple[str, str]] = []
    evaluation, energy, judged = subject.evaluation, subject.energy, subject.judgement
    if evaluation is not None:
        items.append(
            (
                "Data",
                f"every accuracy is of {count(evaluation.n)} rows of one split; other data, "
                "languages and domains were not looked at",
            )
        )
        if evaluation.overlap_with_train:
            items.append(
                (
                    "Overlap",
                    f"{count(evaluation.overlap_with_train)} of these rows also stand among the "
                    "training rows, as the policy allows",
                )
            )
    for state, words in (("harmed", "shown to lose"), ("underpowered", "too few rows to tell")):
        found = [part for part in judged.slices if part.state == state] if judged else []
        if found:
            listed = "; ".join(
                f"{names.slice_of(part.column, part.value)} ({sample(part.n)})" for part in found
            )
            items.append(("Slices", f"{words}: {excerpt(listed, 400)}"))
    items.append(("Production", _production(subject)))
    if energy is not None:
        if energy.meter.scale:
            low, high = energy.meter.scale
            items.append(
                (
                    "Energy",
                    f"it is {names.TIER[energy.meter.tier]}: the true joules may be "
                    f"{low:g} to {high:g} times those stated; ratios do not depend on it",
                )
            )
        items.append(("Boundary", f"{energy.meter.boundary}; loading the model is not part of it"))
        items.append(("Elsewhere", "energy and latency on hardware of another kind are not known"))
    use = subject.inputs.decision.justification
    if use is not None:
        grounds = use.grounds.replace("_", " ")
        items.append(
            (
                "Not optimized",
                f"it ships on the justification of {use.author} ({grounds}), until {use.expires}: "
                f"{use.reason}",
            )
        )
    items.append(
        (
            "Bias",
            "what the base model learnt, and from whom, was not examined; optimizing it took none "
            "of that away",
        )
    )
    items.append(("Licence and language", "those of the base model, which are not recorded here"))
    items.append(("Who decided", subject.inputs.decision.guarantee))
    return Section(
        "limits",
        "Limits",
        "What the figures above do not say.",
        (Facts("To bear in mind", tuple((name, Cell(text)) for name, text in items)),),
    )


def _production(subject: Subject) -> str:
    check = subject.evaluation.production if subject.evaluation else None
    if check is None:
        return "not checked against a sample of production"
    if subject.role == "baseline":
        return "the sample of production has no labels: on it candidates alone were looked at"
    return (
        f"on {count(check.n)} rows without labels it answers {percent(check.agreement)} as the "
        f"baseline does (95% interval {percent(check.ci95[0])} to {percent(check.ci95[1])}); "
        "whether rightly is not known"
    )
