"""The KFP component ``propose``."""
