"""Calibrate: what the forms of a model gain on the node that this runs on."""

from kfp import dsl
from kfp.dsl import Artifact, Metrics, Output

from leanstage.components._image import image


@dsl.component(base_image=image("torch"), install_kfp_package=False)
def calibrate(
    name: str,
    profile: Output[Artifact],
    metrics: Output[Metrics],
    shapes: str = "",
    quick: bool = False,
) -> None:
    """Measure what each form of a model gains here, and keep the profile in MLflow by its name.

    Args:
        name: What policies and runs call the profile.
        shapes: Models to measure, LAYERSxHIDDEN, separated by spaces; empty takes two usual ones.
        quick: Fewer and shorter turns, on the small model alone.

    Returns:
        profile: The node, and every ratio with its interval (HardwareProfile).
        metrics: The ratios that were measured, for the run view.
    """
    from leanstage import progress
    from leanstage.calibrate.measure import calibrate
    from leanstage.calibrate.nodes import labels_or_reason
    from leanstage.calibrate.profiles import figures, log_profile, prepare_logging

    with progress.stage("calibrate"):
        prepare_logging(name)
        labels, reason = labels_or_reason()
        if reason:
            progress.step(reason)
        measured = calibrate(
            name=name, shapes=shapes.split(), quick=quick, labels=labels, progress=progress.step
        )
        measured.save(profile.path)
        for figure, ratio in figures(measured).items():
            metrics.log_metric(figure, ratio)
        progress.output("hardware_run", log_profile(measured))
