"""The KFP component ``inventory``."""
