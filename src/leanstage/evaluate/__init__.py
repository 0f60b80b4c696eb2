"""Paired evaluation: baseline and candidate answer the same rows, loaded from disk as served."""

from leanstage.evaluate.paired import evaluate, record

__all__ = ["evaluate", "record"]
