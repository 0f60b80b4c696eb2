"""The comparison: resident workers, one active at a time, interleaved in randomised blocks."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from leanstage.contracts import EnergyComparison, Precision, Runtime, Workload, idle_watts
from leanstage.energy.evidence import check_plausible, describe_environment, summarise
from leanstage.energy.loads import (
    LoadKind,
    Roles,
    decode_of,
    joules_per_answer,
    load_of,
    side_loads,
)
from leanstage.energy.meters import Meter, discover
from leanstage.energy.pace import Pace, Progress, least_seconds, require_bearable
from leanstage.energy.predictors import DEFAULT_LOADER
from leanstage.energy.ratios import cheapest, energy_ratio
from leanstage.energy.rounds import measure
from leanstage.energy.schedule import LONGEST_AT_RATE_SECONDS, plan_blocks, seconds_at_rate
from leanstage.errors import InputError
from leanstage.variant.hardware import hardware_profile

BASELINE = "baseline"
CANDIDATE = "candidate"
CONTROL = "control"


def compare(
    arms: Mapping[str, Path],
    texts: Sequence[str],
    *,
    batch_size: int,
    dataset_sha256: str,
    digests: Mapping[str, str],
    forms: Mapping[str, tuple[Runtime, Precision]],
    meter: Meter | None = None,
    blocks: int = 10,
    window_seconds: float = 0.5,
    warm_up_seconds: float = 8.0,
    seed: int = 0,
    label: str = "seeded sample of the evaluation texts",
    request_rate: float | None = None,
    tokens_per_answer: int | None = None,
    endpoint: str | None = None,
    elsewhere: bool = False,
    loader: str = DEFAULT_LOADER,
    progress: Progress | None = None,
) -> EnergyComparison:
    """Measure the energy per answer of a candidate against its baseline.

    Every arm has a resident worker, and the candidate a second one, ``control``, so that a model
    is also compared with itself. In each block every arm has one window, in which it answers the
    block's rows in whole passes; a window of single-row calls follows, for the latencies and for
    the energy at that load.

    Args:
        arms: variant folders by name: ``baseline``, ``candidate``, and any number of other
            unoptimized forms of the baseline.
        texts: the texts to ask; each block takes a seeded sample.
        batch_size: rows per call of ``predict`` in the measured windows.
        dataset_sha256: digest of the data that ``texts`` come from.
        digests: content digests by arm; baseline and candidate are required.
        forms: runtime and precision of every arm.
        meter: by default the best that this machine has.
        blocks: a fixed number, at least two; the measurement never stops early on a result.
        window_seconds: shortest window; the meter may ask for longer ones.
        warm_up_seconds: longest warm-up per arm, unless 10 passes take longer.
        seed: fixes rows and order.
        label: names the workload for a reader.
        request_rate: answers per second in production, a load that is measured as well.
        tokens_per_answer: tokens that every answer has, where models write.
        endpoint: what answers over HTTP, where the loader's predictor only asks.
        elsewhere: that is on another machine, so that a worker's own time is none of the model's.
        loader: ``module:function`` that turns a folder into a predictor.
        progress: told what comes next and the share done so far, in [0, 1].

    Returns:
        The comparison; it is evidence only where ``valid``.

    Raises:
        InputError: the arms, texts or settings cannot make a comparison; or it would take hours,
            and no one asked for its meter by name.
        MeterError: the meter failed or read no energy.
        WorkerError: a worker failed, died, or fell silent. No worker is left in any case.
    """
    started = time.perf_counter()
    _require_comparable(arms, texts, batch_size, digests, forms, blocks, window_seconds)
    if request_rate is not None and not request_rate > 0:
        raise InputError(f"A request rate is above 0 answers per second; got {request_rate:g}.")
    meter = meter or discover()
    folders = {**arms, CONTROL: arms[CANDIDATE]}
    plan = plan_blocks(
        list(folders),
        len(texts),
        batch_size=batch_size,
        blocks=blocks,
        seed=seed,
        tokens_per_answer=tokens_per_answer,
    )
    workload = Workload(
        batch_size=batch_size,
        rows=len({row for block in plan for row in block.rows}),
        dataset_sha256=dataset_sha256,
        label=label,
        tokens_per_answer=tokens_per_answer,
        endpoint=endpoint,
    )
    measurable = (
        request_rate and seconds_at_rate(request_rate, batch_size) <= LONGEST_AT_RATE_SECONDS
    )
    pace = Pace(
        batch_size=batch_size,
        window_seconds=max(window_seconds, meter.min_window_seconds),
        warm_up_seconds=warm_up_seconds,
        beside=side_loads(batch_size, tokens_per_answer, request_rate if measurable else None),
        elsewhere=elsewhere,
        tokens_per_answer=tokens_per_answer,
    )
    require_bearable(least_seconds(len(folders), blocks, meter, pace), meter, progress)
    record = measure(folders, texts, plan, meter, pace, loader=loader, progress=progress)
    forms = {**forms, CONTROL: forms[CANDIDATE]}
    digests = {**digests, CONTROL: digests[CANDIDATE]}
    joules = joules_per_answer(record.windows)
    roles = Roles(CANDIDATE, BASELINE, [name for name in arms if name != CANDIDATE])
    registered = energy_ratio(record.windows, CANDIDATE, BASELINE)
    strongest = energy_ratio(
        record.windows, CANDIDATE, cheapest({name: joules[name] for name in roles.unoptimized})
    )
    control = energy_ratio(record.windows, CONTROL, CANDIDATE)
    reading = record.beside.get(LoadKind(batch_size, 1))
    watts = idle_watts(record.idle)
    return EnergyComparison(
        meter=meter.info,
        workload=workload,
        node=hardware_profile(),
        environment=describe_environment(),
        arms=tuple(
            summarise(record, name, forms[name], digests.get(name), watts) for name in folders
        ),
        windows=tuple(record.windows),
        registered=registered,
        strongest=strongest,
        control=control,
        loads=tuple(
            load_of(kind, windows, roles, record.at_rate)
            for kind, windows in record.beside.items()
            if kind != LoadKind(batch_size)
        ),
        decode=decode_of(record.windows, reading, tokens_per_answer, roles)
        if reading and tokens_per_answer
        else None,
        idle=tuple(record.idle),
        checks=tuple(
            check_plausible(
                record,
                (registered, strongest, control),
                meter,
                request_rate=request_rate,
                workload=workload,
            )
        ),
        baseline_digest=digests[BASELINE],
        candidate_digest=digests[CANDIDATE],
        seconds=time.perf_counter() - started,
    )


def _require_comparable(
    arms: Mapping[str, Path],
    texts: Sequence[str],
    batch_size: int,
    digests: Mapping[str, str],
    forms: Mapping[str, tuple[Runtime, Precision]],
    blocks: int,
    window_seconds: float,
) -> None:
    """Refuse before anything runs what could not become evidence."""
    missing = {BASELINE, CANDIDATE} - arms.keys()
    if missing:
        raise InputError(f"The energy comparison has no arm called {' or '.join(sorted(missing))}.")
    if CONTROL in arms:
        raise InputError(f"An arm may not be called {CONTROL}: the A/A control is.")
    if {BASELINE, CANDIDATE} - digests.keys():
        raise InputError("The energy comparison needs the digests of baseline and candidate.")
    if arms.keys() - forms.keys():
        unknown = ", ".join(sorted(arms.keys() - forms.keys()))
        raise InputError(f"Runtime and precision are not stated for: {unknown}.")
    if not texts:
        raise InputError("The energy comparison has no texts to ask.")
    if batch_size < 1 or blocks < 2 or not window_seconds > 0:
        raise InputError(
            "The energy comparison needs a batch size of at least 1, at least 2 blocks and a "
            f"window above 0 s; got {batch_size}, {blocks} and {window_seconds:g}."
        )
