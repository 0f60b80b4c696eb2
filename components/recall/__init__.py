"""The KFP component ``recall``."""
