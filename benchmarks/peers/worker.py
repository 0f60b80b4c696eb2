"""One peer in its own environment: makes its form of a model, and answers rows with it.

``python worker.py ADAPTER make OPTION SOURCE ROWS TARGET`` writes the form; ``serve OPTION TARGET``
loads it and answers requests, one JSON object a line on standard input and output. Nothing but the
standard library and what the adapter imports is needed.

An adapter is a module with ``make(option, source, rows, target)``, where ``rows`` is the folder of
the split files, which may return the seconds it is to be charged with where it goes on from another
row's form, and ``load(option, target)``, which returns a function from a list of texts to
logits or probabilities, one list a row.
"""

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

ADAPTERS = Path(__file__).parent / "adapters"


def main() -> None:
    """Make or serve, as the arguments say."""
    name, verb, option, *paths = sys.argv[1:]
    # Libraries print what they like; the replies have a stream of their own.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.path.insert(0, str(ADAPTERS))
    adapter = importlib.import_module(name)
    if verb == "make":
        source, rows, target = map(Path, paths)
        began = time.monotonic()
        seconds = adapter.make(option, source, rows, target)
        _say(replies, {"seconds": seconds or time.monotonic() - began})
        return
    began = time.monotonic()
    answer = adapter.load(option, Path(paths[0]))
    _say(replies, {"seconds": time.monotonic() - began})
    for line in sys.stdin:
        request = json.loads(line)
        _say(replies, _answered(answer, request["batches"], request["seconds"]))


def _answered(answer: Any, batches: list[list[str]], seconds: float) -> dict[str, Any]:
    """Answer all batches in turn until the time is over, at least once."""
    outputs: list[list[float]] = []
    latencies: list[float] = []
    answers, first = 0, True
    began, cost = time.perf_counter(), _processor_seconds()
    while first or time.perf_counter() - began < seconds:
        for batch in batches:
            asked = time.perf_counter()
            given = answer(batch)
            latencies.append(time.perf_counter() - asked)
            answers += len(batch)
            if first:
                outputs += [[float(value) for value in row] for row in given]
        first = False
    return {
        "answers": answers,
        "wall_seconds": time.perf_counter() - began,
        "cpu_seconds": _processor_seconds() - cost,
        "latencies": latencies,
        "outputs": outputs,
        "peak_rss_bytes": _peak_rss_bytes(),
    }


def _processor_seconds() -> float:
    """Of all threads of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_rss_bytes() -> int:
    """As leanstage reads it, which is not installed where other toolkits answer: ``ru_maxrss``
    would be that of the process which started this one, where that is larger."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status states no VmHWM")


def _say(stream: Any, reply: dict[str, Any]) -> None:
    stream.write(json.dumps(reply) + "\n")
    stream.flush()


if __name__ == "__main__":
    main()
