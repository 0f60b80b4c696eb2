"""Structured pruning: narrower layers, the same in each, recovered by distillation."""
