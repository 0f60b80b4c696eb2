"""The sections of a report, each from the inputs alone."""

from leanstage.report.sections.accuracy import accuracy_section
from leanstage.report.sections.cards import cards
from leanstage.report.sections.energy import energy_section
from leanstage.report.sections.footprint import footprint_section
from leanstage.report.sections.headline import headline
from leanstage.report.sections.limits import limits_table
from leanstage.report.sections.plan import plan_section
from leanstage.report.sections.production import production_section
from leanstage.report.sections.provenance import provenance_section
from leanstage.report.sections.second import second_section
from leanstage.report.sections.steps import steps_section
from leanstage.report.sections.summary import summary_section
from leanstage.report.sections.tried import tried_section

__all__ = [
    "accuracy_section",
    "cards",
    "energy_section",
    "footprint_section",
    "headline",
    "limits_table",
    "plan_section",
    "production_section",
    "provenance_section",
    "second_section",
    "steps_section",
    "summary_section",
    "tried_section",
]
