"""Why zeros among the weights are refused, with what was measured of them."""

from typing import get_args

from leanstage.contracts import HardwareProfile
from leanstage.contracts.plan import Form, Gain, Sparsity


def refusal(sparsity: Sparsity, hardware: HardwareProfile) -> str:
    """One clause: what was asked for, what it costs here, and what to do instead."""
    form = next(form for form in get_args(Form) if form == f"sparsity-{sparsity}")
    calibration = hardware.calibration
    found = [gain for gain in calibration.gains if gain.form == form] if calibration else []
    asked = f"{sparsity} sparsity was asked for and is refused"
    instead = "leave sparsity out of the settings to remove neurons, heads and layers instead"
    if not found:
        return (
            f"{asked}: without kernels for them zeros are multiplied as any number is, and nothing "
            f"was measured on this machine; leanstage calibrate measures it; {instead}"
        )
    figures = ", ".join(_figure(gain) for gain in found)
    least = min((gain.ci95[1] if gain.ci95 else gain.ratio or 1.0) for gain in found)
    if least < 1:
        return (
            f"{asked}: its kernels were measured here ({figures}), but a checkpoint holds the "
            f"zeros, and no serving runtime turns them into such kernels; {instead}"
        )
    return f"{asked}: it saves nothing here, measured beside the dense model ({figures}); {instead}"


def _figure(gain: Gain) -> str:
    where = f"{gain.shape} in batches of {gain.batch_size}"
    if gain.ratio is None:
        return f"{where}: {gain.error}"
    interval = f", 95% {gain.ci95[0]:.2f} to {gain.ci95[1]:.2f}" if gain.ci95 else ""
    return f"{where}: {gain.ratio:.2f} of its cost{interval}"
