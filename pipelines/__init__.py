"""The pipelines: ``deploy`` is the whole line, ``optimize`` and ``decide`` its two halves.

``rejudge`` judges an earlier run again once a justification is there, ``calibrate`` measures the
nodes that serve, ``audit`` looks at everything that serves. As they stand they run anywhere;
:func:`on_platform` makes them for a cluster.
"""

from leanstage.pipelines._form import on_platform
from leanstage.pipelines._platform import Platform
from leanstage.pipelines._tasks import with_platform
from leanstage.pipelines.audit import audit
from leanstage.pipelines.calibrate import calibrate
from leanstage.pipelines.decide import decide
from leanstage.pipelines.deploy import deploy
from leanstage.pipelines.optimize import optimize
from leanstage.pipelines.rejudge import rejudge

PIPELINES = {
    "deploy": deploy,
    "optimize": optimize,
    "decide": decide,
    "rejudge": rejudge,
    "calibrate": calibrate,
    "audit": audit,
}

__all__ = [
    "PIPELINES",
    "Platform",
    "audit",
    "calibrate",
    "decide",
    "deploy",
    "on_platform",
    "optimize",
    "rejudge",
    "with_platform",
]
