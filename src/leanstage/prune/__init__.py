"""Structured pruning: smaller in every direction, the same in each layer, then recovered."""
