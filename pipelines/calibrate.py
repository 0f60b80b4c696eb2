"""Calibrate: measure a pool of nodes once, so that runs can plan for it by name."""

from leanstage.components import calibrate as measure
from leanstage.pipelines._compiling import placed
from leanstage.pipelines._form import pipeline

SUMMARY = """\
Measure on a node that serves what bfloat16, int8, nf4, sparsity and smaller shapes really gain, and
keep the hardware profile in MLflow under a name. A policy, or a run, then names it as `hardware`.

Fill in `profile`; start. Again after new drivers, versions or machines."""


@pipeline("leanstage-calibrate", SUMMARY, sized=("serving",))
def calibrate(profile: str, shapes: str = "", quick: bool = False) -> None:
    task = measure(name=profile, shapes=shapes, quick=quick)
    placed(task).set_caching_options(False)
