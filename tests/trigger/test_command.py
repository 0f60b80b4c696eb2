"""The commands: what they refuse to start with, and how they say it."""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.trigger.service import SECRET, Service, until


def leanstage(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from leanstage.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("secret", ["", "short"])
def test_without_a_secret_it_does_not_start(tmp_path: Path, secret: str) -> None:
    with Service(tmp_path, LEANSTAGE_WEBHOOK_SECRET=secret) as service:
        assert service.process.wait(60) == 2
        assert "LEANSTAGE_WEBHOOK_SECRET is" in service.log
        assert "--no-webhook" in service.log
        assert "Traceback" not in service.log


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LEANSTAGE_TRIGGER_MAX_ACTIVE_RUNS", "0", "max_active_runs"),
        ("LEANSTAGE_TRIGGER_FLOW", "both", "flow"),
        ("LEANSTAGE_TRIGGER_PARAMETERS", "{oops", "PARAMETERS is not JSON"),
        ("LEANSTAGE_KFP_HOST", "", "LEANSTAGE_KFP_HOST"),
    ],
)
def test_settings_that_cannot_work_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv("LEANSTAGE_KFP_HOST", "http://127.0.0.1:1")
    with Service(tmp_path, **{variable: value}) as service:
        assert service.process.wait(60) == 2
        assert said in service.log
        assert "Traceback" not in service.log
        assert SECRET not in service.log


def test_polling_alone_needs_no_secret(tmp_path: Path, mlflow_here: str) -> None:
    environment: dict[str, Any] = {
        "LEANSTAGE_WEBHOOK_SECRET": "",
        "LEANSTAGE_TRIGGER_BACKEND": "local",
    }
    with Service(tmp_path, "--no-webhook", **environment) as service:
        until(service.ready)
        answer = requests.post(f"{service.uri}/webhooks/mlflow", timeout=10)
        assert answer.status_code == 404
        # Whoever holds connections open holds up no probe.
        parts = urlsplit(service.uri)
        with ExitStack() as idle:
            for _ in range(600):
                where = (parts.hostname or "", parts.port or 0)
                idle.enter_context(socket.create_connection(where, timeout=10))
            assert service.get("/healthz").ok
        service.stop()


def test_a_webhook_needs_a_secret_worth_the_name(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short\n")
    url = ("webhook", "register", "--url", "http://127.0.0.1:1/webhooks/mlflow")
    refused = leanstage(*url, "--secret-file", str(tmp_path / "secret"))
    assert refused.returncode == 2
    assert "holds no secret of at least 16 characters" in refused.stderr
    missing = leanstage(*url, "--secret-file", str(tmp_path / "nowhere"))
    assert missing.returncode == 1
    assert "nowhere: No such file" in missing.stderr


def test_packages_that_a_process_compiled_go_with_it(tmp_path: Path) -> None:
    code = (
        "import signal, uvicorn\n"
        "from leanstage.trigger import serve\n"
        "from leanstage.trigger.backends.kfp import _of_this_release\n"
        "from leanstage.trigger.settings import load_settings\n"
        "def stopped(*arguments, **options):\n"
        "    print([_of_this_release(name).is_file() for name in ('deploy', 'optimize')])\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "uvicorn.run = stopped\n"
        "serve.serve(load_settings(backend='local'), webhooks=False)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.stdout.endswith("[True, True]\n"), ended.stdout + ended.stderr
    assert ended.returncode == 0, ended.stderr
    assert not list(tmp_path.glob("leanstage-packages-*"))
