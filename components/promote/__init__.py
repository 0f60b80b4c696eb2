"""The KFP component ``promote``."""
