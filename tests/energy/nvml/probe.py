"""Runs the meter in a process of its own, since the driver's library is found as it starts."""

import json
import os
import sys
import time
from pathlib import Path

from leanstage.energy.meters import MeterError, NvmlMeter, Usage


def main(seconds: float) -> None:
    """Print what one window of ``seconds`` read, or why none did."""
    try:
        meter = NvmlMeter()
        started = time.perf_counter()
        meter.begin_window()
        time.sleep(seconds / 2)
        if trigger := os.environ.get("STUB_TRIGGER"):
            Path(trigger).touch()
        time.sleep(seconds / 2)
        wall_seconds = time.perf_counter() - started
        found = {
            "joules": meter.end_window(Usage(1.0, seconds)),
            "seconds": wall_seconds,
            "min_window_seconds": meter.min_window_seconds,
            "board": meter.board,
            "checks": [check.model_dump() for check in meter.checks()],
            **meter.info.model_dump(),
        }
    except MeterError as error:
        found = {"error": str(error)}
    print(json.dumps(found))


if __name__ == "__main__":
    main(float(sys.argv[1]))
