"""The KFP component ``distill``."""
