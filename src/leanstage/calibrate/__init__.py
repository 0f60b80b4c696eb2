"""Calibration: what the forms of a model really gain on the machine at hand, and its profile."""

from leanstage.calibrate.profiles import AUTO, find_profile, hardware_of, is_name, log_profile

__all__ = ["AUTO", "find_profile", "hardware_of", "is_name", "log_profile"]
