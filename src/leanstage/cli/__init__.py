"""The ``leanstage`` command. Thin: each command asks a library and shows the answer."""

from leanstage.cli.main import app, main

__all__ = ["app", "main"]
