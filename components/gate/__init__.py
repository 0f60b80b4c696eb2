"""The KFP component ``gate``."""
