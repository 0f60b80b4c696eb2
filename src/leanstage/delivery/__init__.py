"""Delivery: what was promoted reaches what serves, and nothing else does."""
