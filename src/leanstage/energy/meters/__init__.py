"""Meters, and the choice of the best one that this machine has."""

from leanstage.energy.meters.base import Meter, MeterError, NullMeter, Usage
from leanstage.energy.meters.both import BothMeter
from leanstage.energy.meters.cpu_time import CpuTimeMeter
from leanstage.energy.meters.declared import DECLARED_VARIABLE, DeclaredMeter
from leanstage.energy.meters.discovery import (
    METER_VARIABLE,
    POWERCAP_ROOT_VARIABLE,
    Survey,
    discover,
    discover_elsewhere,
    discover_gpu,
    survey,
    tier_of,
)
from leanstage.energy.meters.nvml import NvmlMeter, boards_of
from leanstage.energy.meters.rapl import RaplMeter
from leanstage.energy.meters.scraped import ScrapedMeter

__all__ = [
    "DECLARED_VARIABLE",
    "METER_VARIABLE",
    "POWERCAP_ROOT_VARIABLE",
    "BothMeter",
    "CpuTimeMeter",
    "DeclaredMeter",
    "Meter",
    "MeterError",
    "NullMeter",
    "NvmlMeter",
    "RaplMeter",
    "ScrapedMeter",
    "Survey",
    "Usage",
    "boards_of",
    "discover",
    "discover_elsewhere",
    "discover_gpu",
    "survey",
    "tier_of",
]
