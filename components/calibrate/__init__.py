"""The KFP component ``calibrate``."""
