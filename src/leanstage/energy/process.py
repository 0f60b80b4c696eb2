"""The process of a resident worker: answers commands as JSON lines.

Run as ``python -m leanstage.energy.process``. Each line on stdin is ``{"command": ..., ...}``; each
gets one line back, ``{"ok": true, "reply": ...}`` or ``{"ok": false, "error": ...}``. It ends when
its stdin does, so that it cannot outlive its parent.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from leanstage.energy.worker import Worker


def serve(requests: TextIO, replies: TextIO) -> None:
    """Answer commands until the end of ``requests``.

    Every reply carries what the worker spent while it waited: a thread pool that spins between
    windows would be charged to whichever arm is active.
    """
    worker = Worker()
    commands: dict[str, Callable[..., dict[str, Any]]] = {
        "load": worker.load,
        "prepare": worker.prepare,
        "warm_up": worker.warm_up,
        "run": worker.run,
        "wait": worker.wait,
        "one_by_one": worker.one_by_one,
        "at_rate": worker.at_rate,
    }
    while True:
        idle_cpu, idle_wall = worker.idle_cpu_seconds(), time.perf_counter()
        line = requests.readline()
        idle_wall = time.perf_counter() - idle_wall
        if not line:
            worker.close()
            return
        idle_cpu = worker.idle_cpu_seconds() - idle_cpu
        arguments = json.loads(line)
        command = arguments.pop("command")
        answer: dict[str, Any]
        try:
            reply = commands[command](**arguments)
            reply |= {"idle_cpu_seconds": idle_cpu, "idle_wall_seconds": idle_wall}
            answer = {"ok": True, "reply": reply}
        except Exception as error:
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(answer) + "\n")
        replies.flush()


def main() -> None:
    """Keep stdin and stdout for the protocol; what libraries print goes to stderr."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    serve(requests, replies)
    # All is said; to take torch down in order costs as much processor time as a window.
    os._exit(0)


if __name__ == "__main__":
    main()
