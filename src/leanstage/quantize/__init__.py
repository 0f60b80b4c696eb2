"""Quantization: the backend that measures cheapest here among those that keep the accuracy."""
