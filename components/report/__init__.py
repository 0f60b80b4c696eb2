"""The KFP component ``report``."""
