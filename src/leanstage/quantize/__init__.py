"""Quantization: what measures cheapest here and keeps the accuracy; of equals, what loses least."""
