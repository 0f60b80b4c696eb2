"""Whose process answers at an address of this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from leanstage import orphans
from leanstage.errors import LeanstageError
from leanstage.serving.processes import listening_at

LISTENER = """
import os, socket, sys
own = socket.socket()
own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
own.bind((sys.argv[1], int(sys.argv[2])))
own.listen()
if sys.argv[3] == "worker" and os.fork() == 0:
    more = socket.socket()
    more.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    more.bind(own.getsockname())
    more.listen()
    own.close()
    os.write(1, b"%d\\n" % more.getsockname()[1])
    sys.stdin.read()
    os._exit(0)
if sys.argv[3] != "worker":
    os.write(1, b"%d\\n" % own.getsockname()[1])
sys.stdin.read()
"""


@contextmanager
def listening(host: str = "127.0.0.1", port: int = 0, kind: str = "alone") -> Iterator[list[int]]:
    """The process, and the port at which it listens."""
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENER, host, str(port), kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        yield [process.pid, int(process.stdout.readline())]
    finally:
        orphans.end(process, seconds=5, group=True)


def test_workers_that_listen_too_count_with_who_started_them() -> None:
    with listening(kind="worker") as (pid, port):
        assert listening_at(f"http://localhost:{port}/v2/models/m") == pid


def test_servers_that_share_a_port_cannot_be_told_apart() -> None:
    with ExitStack() as stack:
        one, port = stack.enter_context(listening())
        other, _ = stack.enter_context(listening(port=port))
        with pytest.raises(LeanstageError, match="none of which started the others") as refused:
            listening_at(f"http://127.0.0.1:{port}")
        assert f"{min(one, other)}, {max(one, other)}" in str(refused.value)


def test_who_listens_at_another_address_of_this_machine_does_not_answer() -> None:
    with ExitStack() as stack:
        _, port = stack.enter_context(listening("127.0.0.2"))
        with pytest.raises(LeanstageError, match="listens no process that this user may see"):
            listening_at(f"http://127.0.0.1:{port}")
        pid, _ = stack.enter_context(listening(port=port))
        assert listening_at(f"http://127.0.0.1:{port}") == pid != os.getpid()
