"""A process that must not outlive the one that started it."""

import os
import signal
import threading
import time


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
