"""The KFP component ``ask``."""
