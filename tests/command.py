"""``leanstage`` as a user types it, in this process."""

import sys
from collections.abc import Callable

import pytest

from leanstage.cli import main

Command = Callable[..., tuple[int, str, str]]
"""Exit code, what was printed and what was said of errors, by the words of a command."""


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["leanstage", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return run
