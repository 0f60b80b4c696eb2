"""The KFP component ``energy_measure``."""
