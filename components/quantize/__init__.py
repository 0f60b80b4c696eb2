"""The KFP component ``quantize``."""
