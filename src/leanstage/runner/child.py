"""The process that runs one pipeline: ``python -m leanstage.runner.child REQUEST``.

It exists because ``kfp.local`` keeps global state (one configuration a process) and prints at
will; here both stay out of the caller's way.
"""

import json
import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path


def main(request_path: str) -> int:
    """Run the pipeline that the JSON file asks for; 0 where every task succeeded."""
    from kfp import local

    from leanstage.pipelines import PIPELINES

    die_with_parent()
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    # Our images are not called "python"; the tasks run in this very environment.
    warnings.filterwarnings("ignore", message="You may be attemping", category=RuntimeWarning)
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=request["root"],
        raise_on_error=True,
    )
    try:
        PIPELINES[request["pipeline"]](**request["arguments"])
    except RuntimeError as error:
        # The task has said why; kfp only knows which one it was.
        print(error, file=sys.stderr)
        return 1
    return 0


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
