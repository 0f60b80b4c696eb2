"""Resolve: everything a run needs, checked and pinned before any work starts."""

from leanstage.resolve.receive import ReceivedFiles, receive
from leanstage.resolve.request import Request
from leanstage.resolve.step import Targets, resolve

__all__ = ["ReceivedFiles", "Request", "Targets", "receive", "resolve"]
