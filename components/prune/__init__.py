"""The KFP component ``prune``."""
