"""The card itself: metadata, then what people read."""

from importlib.resources import files
from typing import TYPE_CHECKING

from leanstage.card.check import check_card
from leanstage.card.figures import energy_figures, metric_figures
from leanstage.card.metadata import card_data, card_facts
from leanstage.card.sections import (
    accuracy_section,
    commands,
    conditions_section,
    energy_section,
    limits_section,
    lineage_section,
    use_section,
    verify_section,
)
from leanstage.card.subject import Subject, subject_of
from leanstage.contracts import Decision, ModelPolicy, RunContext
from leanstage.gate.dossier import Dossier
from leanstage.report import ReportInputs
from leanstage.report.document import Section
from leanstage.report.render import markdown_template
from leanstage.report.sections import summary_section
from leanstage.report.step import report_inputs

if TYPE_CHECKING:
    from huggingface_hub import ModelCard

_KIND = {
    "optimized": "optimized",
    "fallback": "quantized",
    "baseline": "not optimized",
}


def decision_card(dossier: Dossier, decision: Decision, policy: ModelPolicy) -> str:
    """The card of what ``decision`` promotes, for the gate to sign."""
    inputs = report_inputs(dossier, decision, policy)
    return str(model_card(inputs, dossier.context()))


def model_card(inputs: ReportInputs, context: RunContext) -> "ModelCard":
    """The card of the promoted variant, checked as far as that goes without the hub.

    Raises:
        LeanstageError: the decision promotes nothing, or the card would not be a valid one.
    """
    subject = subject_of(inputs, context)
    facts = card_facts(subject, metric_figures(subject), energy_figures(subject))
    sections = (
        energy_section(subject, facts),
        accuracy_section(subject, facts),
        conditions_section(subject),
        lineage_section(subject),
        use_section(subject),
        limits_section(subject),
        verify_section(subject, facts),
    )
    template = files("leanstage.card").joinpath("card.md.j2").read_text(encoding="utf-8")
    body = markdown_template(template).render(
        card=_opening(subject),
        sections=[section for section in sections if section is not None],
        commands=commands(),
    )
    return check_card(f"---\n{card_data(subject, facts).to_yaml()}\n---\n{body}")


def _opening(subject: Subject) -> Section:
    """What MLflow shows beside the registered version, too."""
    summary = summary_section(subject.inputs)
    return Section(
        "card",
        f"{subject.name}: {_KIND[subject.role]}",
        subject.inputs.decision.sentence,
        summary.blocks[:1],
    )
