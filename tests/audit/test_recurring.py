"""The page shows how the audit becomes a recurring run; what it shows is run."""

import re
from pathlib import Path

import pytest

from tests.kfp_server import KfpServer

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
HOST = "http://ml-pipeline.kubeflow:8888"


def test_the_recurring_run_of_the_page_is_taken(
    kfp_server: KfpServer, release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert HOST in code
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "packages").symlink_to(release)
    exec(code.replace(HOST, kfp_server.uri), {})
    (made,) = kfp_server.recurring.values()
    assert made["runtime_config"]["parameters"] == {"aliases": "production", "submit": 5}
    assert made["trigger"]["cron_schedule"]["cron"] == "0 17 4 * * 1"
    assert made["mode"] == "ENABLE"
    assert kfp_server.experiments[made["experiment_id"]]["display_name"] == "leanstage"
