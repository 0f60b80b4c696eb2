"""The pipelines: ``deploy`` is the whole line, ``optimize`` and ``decide`` its two halves."""

from leanstage.pipelines.decide import decide
from leanstage.pipelines.deploy import deploy
from leanstage.pipelines.optimize import optimize

PIPELINES = {"deploy": deploy, "optimize": optimize, "decide": decide}

__all__ = ["PIPELINES", "decide", "deploy", "optimize"]
