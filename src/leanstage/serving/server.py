"""A server of a variant on this machine: started, waited for, watched, and always stopped."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from leanstage import orphans
from leanstage.errors import InputError, LeanstageError
from leanstage.serving.processes import Processes

START_SECONDS = 600.0
_STOP_SECONDS = 10.0
_ASK_EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class Kind:
    """A server program.

    Attributes:
        entry: ``module:function`` of its command.
        arguments: of the command, for a folder and a port; it serves on the loopback alone.
        exactly: what to add to a request for an answer of exactly so many tokens.
        extra: what brings it.
    """

    entry: str
    arguments: Callable[[Path, int], list[str]]
    exactly: Callable[[int], dict[str, Any]]
    extra: str


def _for_transformers(tokens: int) -> dict[str, Any]:
    settings = f'{{"max_new_tokens": {tokens}, "min_new_tokens": {tokens}, "do_sample": false}}'
    return {"generation_config": settings}


KINDS: dict[str, Kind] = {
    "transformers": Kind(
        "transformers.cli.transformers:main",
        lambda folder, port: ["serve", str(folder), "--host", "127.0.0.1", "--port", str(port)],
        _for_transformers,
        "leanstage[serve]",
    ),
    "vllm": Kind(
        "vllm.entrypoints.cli.main:main",
        lambda folder, port: ["serve", str(folder), "--host", "127.0.0.1", "--port", str(port)],
        lambda tokens: {"min_tokens": tokens, "ignore_eos": True},
        "vllm",
    ),
}


def kind_of(name: str) -> Kind:
    """The server program of a name.

    Raises:
        InputError: there is none.
    """
    if name not in KINDS:
        raise InputError(f"no server is called {name!r}; known are {' and '.join(KINDS)}.")
    return KINDS[name]


class Server(Processes):
    """One variant behind an endpoint, for the length of a ``with`` block.

    The server is a process group of its own, and ends when this process does, however it ends.

    Attributes:
        url: of the endpoint, without ``/v1``.

    Raises:
        LeanstageError: it ended, or did not answer in time; the message has its last line.
    """

    def __init__(self, name: str, folder: Path, *, start_seconds: float = START_SECONDS) -> None:
        self.kind = kind_of(name)
        self.name = name
        self.folder = folder
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "leanstage.serving.child", self.kind.entry),
                *self.kind.arguments(folder, port),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"},
        )
        super().__init__(self._process.pid)
        try:
            self._wait(time.monotonic() + start_seconds)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server by SIGTERM, and what is left of its process group by SIGKILL."""
        orphans.end(self._process, seconds=_STOP_SECONDS, group=True)
        self._log.close()

    def _obituary(self) -> str:
        return f"{self.name} serve ended{self._said()}"

    def _wait(self, deadline: float) -> None:
        # An address on the loopback is asked for directly, whatever proxy is set.
        opener = build_opener(ProxyHandler({}))
        while self._process.poll() is None:
            with suppress(URLError, OSError), opener.open(f"{self.url}/health", timeout=5):
                return
            if time.monotonic() > deadline:
                raise LeanstageError(f"{self.name} serve did not answer in time{self._said()}")
            time.sleep(_ASK_EVERY_SECONDS)
        raise LeanstageError(
            f"{self.name} serve ended with exit code {self._process.returncode}{self._said()} It "
            f"comes with {self.kind.extra}."
        )

    def _said(self) -> str:
        """The last line of its log, as a clause that ends the sentence."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f", saying: {lines[-1].strip().rstrip('.')}." if lines else "."


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
