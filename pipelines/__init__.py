"""The pipelines: ``deploy`` is the whole line, ``optimize`` and ``decide`` its two halves.

``rejudge`` judges an earlier run again once a justification is there.
"""

from leanstage.pipelines.decide import decide
from leanstage.pipelines.deploy import deploy
from leanstage.pipelines.optimize import optimize
from leanstage.pipelines.rejudge import rejudge

PIPELINES = {"deploy": deploy, "optimize": optimize, "decide": decide, "rejudge": rejudge}

__all__ = ["PIPELINES", "decide", "deploy", "optimize", "rejudge"]
