"""The components of the line, one containerized step each, to be wired into any DAG.

Importing this package loads kfp and nothing heavier; the work is imported where it runs.
"""

from leanstage.components.ask.component import ask
from leanstage.components.calibrate.component import calibrate
from leanstage.components.distill.component import distill
from leanstage.components.energy_measure.component import energy_measure
from leanstage.components.evaluate.component import evaluate
from leanstage.components.gate.component import gate
from leanstage.components.inventory.component import inventory
from leanstage.components.plan.component import plan
from leanstage.components.promote.component import promote
from leanstage.components.propose.component import propose
from leanstage.components.prune.component import prune
from leanstage.components.quantize.component import quantize
from leanstage.components.recall.component import recall
from leanstage.components.receive.component import receive
from leanstage.components.report.component import report
from leanstage.components.resolve.component import resolve

__all__ = [
    "ask",
    "calibrate",
    "distill",
    "energy_measure",
    "evaluate",
    "gate",
    "inventory",
    "plan",
    "promote",
    "propose",
    "prune",
    "quantize",
    "recall",
    "receive",
    "report",
    "resolve",
]
