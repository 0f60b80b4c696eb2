"""From energy to emissions and money, always as a range and with its sources."""

from leanstage.accounts.amounts import cost, emissions
from leanstage.accounts.load import FACTORS_VARIABLE, load_factors, load_setting
from leanstage.accounts.units import between, figure

__all__ = [
    "FACTORS_VARIABLE",
    "between",
    "cost",
    "emissions",
    "figure",
    "load_factors",
    "load_setting",
]
