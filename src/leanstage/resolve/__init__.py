"""Resolve: everything a run needs, checked and pinned before any work starts."""

from leanstage.resolve.step import Request, Targets, resolve

__all__ = ["Request", "Targets", "resolve"]
