"""The KFP component ``plan``."""
