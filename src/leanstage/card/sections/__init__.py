"""The sections of a card, in the blocks of the report."""

from leanstage.card.sections.accuracy import accuracy_section
from leanstage.card.sections.conditions import conditions_section
from leanstage.card.sections.energy import energy_section
from leanstage.card.sections.limits import limits_section
from leanstage.card.sections.lineage import lineage_section
from leanstage.card.sections.use import use_section
from leanstage.card.sections.verify import commands, verify_section

__all__ = [
    "accuracy_section",
    "commands",
    "conditions_section",
    "energy_section",
    "limits_section",
    "lineage_section",
    "use_section",
    "verify_section",
]
