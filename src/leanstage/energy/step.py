"""The energy step: candidate, baseline and the baseline's unoptimized forms, side by side."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from leanstage import progress
from leanstage.contracts import EnergyComparison, Serving
from leanstage.energy.meters import (
    Meter,
    MeterError,
    boards_of,
    discover,
    discover_elsewhere,
    discover_gpu,
)
from leanstage.energy.predictors import DEFAULT_LOADER
from leanstage.energy.protocol import BASELINE, CANDIDATE, compare
from leanstage.serving.choice import choice
from leanstage.serving.endpoint import SERVED_LOADER, require_served
from leanstage.serving.processes import Processes
from leanstage.tasks import SplitFolder
from leanstage.variant import Variant
from leanstage.variant.forms import unoptimized_forms
from leanstage.variant.hardware import device_type
from leanstage.variant.writing import NEW_TOKENS


def measure(
    baseline: Variant,
    candidate: Variant,
    split: SplitFolder,
    *,
    batch_size: int,
    blocks: int,
    window_seconds: float,
    request_rate: float | None = None,
    serving: Serving = "any",
    own_forms: bool = True,
    tell: Callable[..., None] = progress.step,
) -> EnergyComparison:
    """Compare the energy per answer on the texts of a split, in batches of ``batch_size``.

    Other loads are shown beside it, that of ``request_rate`` answers per second among them.

    A form that what serves cannot load is no form to be held against.

    Models that write answer every prompt with equally many tokens. Where ``LEANSTAGE_ENDPOINT``
    says so, a server answers; of models that it only names the URLs of, no other forms are made.

    Args:
        own_forms: also measure the baseline in its other unoptimized forms.
        tell: told what comes next and the share done so far.

    Raises:
        MeterError: a GPU or another machine would answer, and no meter sees it, or only one of the
            two; or servers on this machine answer from GPUs that are not the one that is metered.
    """
    chosen = choice()
    servers = chosen.processes(BASELINE, CANDIDATE)
    away = [name for name, pid in servers.items() if pid is None]
    board = _board({name: pid for name, pid in servers.items() if pid is not None})
    meter = _meter(baseline, candidate, away)
    if board not in (None, meter.board):
        raise MeterError(
            f"the servers answer from the GPU {board}, and the meter {meter.info.name} reads "
            f"{meter.board or 'no GPU'}; set CUDA_VISIBLE_DEVICES to {board}."
        )
    writes = baseline.manifest.task == "text-generation"
    asked = chosen.asks(baseline.manifest.task)
    with tempfile.TemporaryDirectory(prefix="leanstage-energy-") as scratch:
        arms = {BASELINE: baseline, CANDIDATE: candidate}
        if chosen.urls:
            tell("asking whether the endpoints serve these models", 0.0)
            for name, variant in arms.items():
                require_served(variant.path, name)
        elif own_forms:
            tell("writing the unoptimized forms of the baseline", 0.0)
            arms |= unoptimized_forms(baseline, Path(scratch), serving=serving)
        return compare(
            {name: variant.path for name, variant in arms.items()},
            split.texts,
            batch_size=batch_size,
            dataset_sha256=split.info.rows_sha256,
            digests={name: variant.digest for name, variant in arms.items()},
            forms={
                name: (variant.manifest.runtime, variant.manifest.precision)
                for name, variant in arms.items()
            },
            meter=meter,
            blocks=blocks,
            window_seconds=window_seconds,
            label=f"judged at one load, batches of {batch_size}",
            request_rate=request_rate,
            tokens_per_answer=NEW_TOKENS if writes else None,
            endpoint=str(chosen) if asked else None,
            elsewhere=bool(away),
            loader=SERVED_LOADER if asked else DEFAULT_LOADER,
            progress=tell,
        )


def _board(servers: Mapping[str, int]) -> str | None:
    """UUID of the GPU from which both servers answer; None where the driver tells of none.

    Where it tells nothing, ``checks.check_seen`` says afterwards whether the work of both was seen.
    """
    boards = {name: boards_of(Processes(pid).pids()) for name, pid in servers.items()}
    used = sorted(set().union(*boards.values()))
    if len(used) > 1 or (used and not all(boards.values())):
        where = ", ".join(
            f"the {name} from {' and '.join(sorted(own)) or 'no GPU'}"
            for name, own in boards.items()
        )
        raise MeterError(
            f"the servers answer from several devices ({where}), and a meter reads one of them; "
            "serve both models on one GPU."
        )
    return used[0] if used else None


def _meter(baseline: Variant, candidate: Variant, away: list[str]) -> Meter:
    """The meter of the device that answers; under onnxruntime that is the processor."""
    if away:
        try:
            return discover_elsewhere()
        except MeterError as error:
            raise MeterError(
                f"what answers for the {' and the '.join(away)} is on another machine, whose work "
                f"the processor time of the client does not show, and no meter reads it: {error}"
            ) from error
    if device_type() != "cuda":
        return discover()
    without = "set CUDA_VISIBLE_DEVICES to nothing, or measure on a node that serves without a GPU."
    if {baseline.manifest.runtime, candidate.manifest.runtime} != {"torch"}:
        raise MeterError(
            "a GPU answers on this machine, but not for a model under onnxruntime, and no meter "
            f"sees both alike; {without}"
        )
    try:
        return discover_gpu()
    except MeterError as error:
        raise MeterError(
            f"a GPU answers on this machine, and no meter reads its energy. {error} Let the meter "
            f"have what it misses, {without}"
        ) from error
