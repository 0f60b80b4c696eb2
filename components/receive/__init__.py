"""The KFP component ``receive``."""
