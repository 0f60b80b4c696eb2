"""Distillation: a smaller student learns what the teacher answers."""
