"""What the processes of a server spend, read from outside."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import urlsplit

from leanstage.errors import InputError, LeanstageError

LOOPBACK = ("127.0.0.1", "::1", "localhost")

_REACHED = ("127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1")
"""Addresses at which who listens is reached over the loopback."""
_FORWARDERS = (
    *("caddy", "docker-proxy", "envoy", "haproxy", "kubectl", "nginx", "passt", "pasta"),
    *("rootlessport", "slirp4netns", "socat", "ssh", "stunnel", "traefik"),
)
"""Processes that listen for a server which is none of theirs."""


class Work(Protocol):
    """What answers requests, and what that takes."""

    def cpu_seconds(self) -> float:
        """Processor time so far."""
        ...

    def rss_bytes(self) -> int:
        """Resident memory now."""
        ...

    def stop(self) -> None:
        """End it, where it was started here."""
        ...


class Processes:
    """A process on this machine and those below it; what they spend is lost with the first."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def pids(self) -> set[int]:
        """Numbers of the process and of those below it."""
        import psutil

        try:
            below = psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            raise LeanstageError(self._obituary()) from None
        return {self.pid, *(process.pid for process in below)}

    def cpu_seconds(self) -> float:
        """Processor time of the process and of those below it, ended ones included."""
        return self._total(lambda process: sum(process.cpu_times()[:4]))

    def rss_bytes(self) -> int:
        """Resident memory of the same processes now."""
        return int(self._total(lambda process: process.memory_info().rss))

    def stop(self) -> None:
        """Who started it ends it."""

    def _total(self, figure: Callable[[Any], float]) -> float:
        """Sum of a figure of psutil over the process and those below it."""
        import psutil

        try:
            first = psutil.Process(self.pid)
            total, below = figure(first), first.children(recursive=True)
        except psutil.NoSuchProcess:
            raise LeanstageError(self._obituary()) from None
        for process in below:
            # One may end between the listing and the reading.
            with suppress(psutil.NoSuchProcess):
                total += figure(process)
        return total

    def _obituary(self) -> str:
        return f"the server, process {self.pid}, has ended; start it again, and then measure."


class Elsewhere:
    """A server on another machine, whose work no process here shows."""

    def cpu_seconds(self) -> float:
        """Nothing of it falls on this machine."""
        return 0.0

    def rss_bytes(self) -> int:
        """Nothing of it is in the memory of this machine."""
        return 0

    def stop(self) -> None:
        """Who started it ends it."""


def listening_at(url: str) -> int | None:
    """The process on this machine that serves ``url``; None where it is another machine's.

    Raises:
        LeanstageError: nothing serves it that this user may see, it only passes requests on, or
            several processes do that do not stem from one of them.
    """
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK:
        return None
    try:
        import psutil
    except ImportError:
        raise InputError(
            "counting what a server on this machine spends needs the package psutil; install "
            "leanstage[serve]."
        ) from None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = {
        each.pid: psutil.Process(each.pid)
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN
        and each.laddr.port == port
        and each.laddr.ip in _REACHED
        and each.pid
    }
    for process in found.values():
        if (name := process.name()) in _FORWARDERS:
            raise LeanstageError(
                f"at {url} listens {name}, which passes requests on to a server elsewhere; "
                "give the address of the server itself, or its energy is not seen."
            )
    # A server's own workers may listen as well: they count with the process that started them.
    firsts = [
        pid
        for pid, process in found.items()
        if not found.keys() & {above.pid for above in process.parents()}
    ]
    if not firsts:
        raise LeanstageError(
            f"at {url} listens no process that this user may see; start the server, or measure as "
            "its user."
        )
    if len(firsts) > 1:
        raise LeanstageError(
            f"at {url} listen the processes {', '.join(map(str, sorted(firsts)))}, none of which "
            "started the others; serve it by one, or not all that it spends is seen."
        )
    return int(firsts[0])
