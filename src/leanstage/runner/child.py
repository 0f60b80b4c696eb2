"""The process that runs one pipeline: ``python -m leanstage.runner.child REQUEST``.

It exists because ``kfp.local`` keeps global state (one configuration a process) and prints at
will; here both stay out of the caller's way.
"""

import json
import sys
import warnings
from pathlib import Path

from leanstage.orphans import die_with_parent


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
