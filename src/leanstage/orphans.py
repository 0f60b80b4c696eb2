"""A process that must not outlive the one that started it."""

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress


def die_with_parent() -> None:
    """End this process group once the process that started it is gone, however it went.

    A run whose terminal was killed must not go on and promote something that nobody watches.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def end(child: "subprocess.Popen[bytes]", *, seconds: float, group: bool = False) -> None:
    """End a child by SIGTERM, and by SIGKILL where it has not ended by then.

    Args:
        child: the process; one that has ended already is no error.
        seconds: to wait after each signal.
        group: it leads a process group of its own, of which nothing may be left either.
    """
    for how in (signal.SIGTERM, signal.SIGKILL):
        if group:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, how)
        else:
            child.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
