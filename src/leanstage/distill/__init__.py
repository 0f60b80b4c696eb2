"""Distillation: a student of fewer layers learns the teacher's answers."""
