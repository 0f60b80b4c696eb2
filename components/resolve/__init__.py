"""The KFP component ``resolve``."""
