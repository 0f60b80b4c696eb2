"""From energy to emissions and money, always as a range and with its sources."""

from leanstage.accounts.amounts import cost, emissions_kg
from leanstage.accounts.load import FACTORS_VARIABLE, load_factors

__all__ = ["FACTORS_VARIABLE", "cost", "emissions_kg", "load_factors"]
