"""What several commands share: their options, the console, and paths that tasks can use."""

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from leanstage.contracts import Outcome
from leanstage.errors import BlockedError, InputError

# Names and messages come from elsewhere and may hold what rich reads as markup.
console = Console(markup=False)

JsonOption = Annotated[
    Path | None, typer.Option("--json", help="Write the outcome as one JSON document.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Folder for this run; new or empty.", file_okay=False)
]
KeyOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--key", help="Public key to trust, instead of those of LEANSTAGE_TRUST; repeatable."
    ),
]
RevokedOption = Annotated[
    Path | None,
    typer.Option("--revoked", help="A further list of revoked keys and digests, in YAML."),
]
PolicyOption = Annotated[
    str, typer.Option(help="ModelPolicy in YAML, or default, strict, lenient; empty: what holds.")
]
BlocksOption = Annotated[int, typer.Option(min=4, help="Energy blocks per candidate.")]


class Deploy(StrEnum):
    """What to ship."""

    optimized = "optimized"
    baseline = "baseline"


def say(text: str, label: str = "", style: str = "bold") -> None:
    """Print a line as it is, however long; a label before it has the style."""
    console.print(Text.assemble((label, style), text), highlight=False, soft_wrap=True)


def require_writable(out: Path, option: str) -> None:
    """Refuse before a long measurement a place that could not take its result."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise InputError(
            f"{out} cannot be written ({error.strerror}); give another {option}."
        ) from error


def absolute(uri: str) -> str:
    """A local path made absolute: tasks run elsewhere than the shell."""
    from leanstage.tasks.reading import local_path

    path = local_path(uri) if uri else None
    return uri if path is None else str(path.absolute())


def policy_uri(policy: str) -> str:
    """A preset as it is, a path made absolute."""
    from leanstage.gate.policies import PRESETS

    return policy if policy in PRESETS else absolute(policy)


def hardware_uri(hardware: str) -> str:
    """The name of a profile as it is, a path made absolute."""
    from leanstage.calibrate import is_name

    return hardware if is_name(hardware) else absolute(hardware)


def finish(outcome: Outcome) -> None:
    """End with the exit code of the verdict."""
    if outcome.verdict == "BLOCKED":
        raise typer.Exit(BlockedError.exit_code)
