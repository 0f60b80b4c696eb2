"""The process of one local run: ``python -m leanstage.trigger.backends.supervisor FOLDER``.

It holds the folder's lock, which it inherits, and writes down how the run ended.
"""

import json
import sys
from pathlib import Path

from leanstage.errors import BlockedError, LeanstageError
from leanstage.trigger.backends.local import JOB, RUN, end


def main(folder: Path) -> int:
    """Run the job of a folder; the exit code is that of the command that would have run it."""
    from rich.console import Console

    from leanstage.runner import session

    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    console = Console(width=100, markup=False)
    code = LeanstageError.exit_code
    try:
        place = session.run_folder(folder / RUN, job["pipeline"])
        if job["pipeline"] == "optimize":
            session.propose(job["arguments"], folder=place, console=console)
            code = 0
        else:
            outcome = session.execute(
                job["pipeline"], job["arguments"], folder=place, console=console, json_file=None
            )
            # As on a cluster, a run that is blocked is red.
            code = BlockedError.exit_code if outcome.verdict == "BLOCKED" else 0
    except LeanstageError as error:
        console.print(f"Error: {error}", highlight=False, soft_wrap=True)
        code = error.exit_code
    finally:
        end(folder, "FAILED" if code else "SUCCEEDED")
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
