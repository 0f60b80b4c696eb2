"""Who runs what where the tests run on several workers (`make test`)."""

import os
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Threads of torch that spin while they wait would take the processor from the other worker.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

MEASURING = ("tests/e2e/", "tests/energy/")


class ByFile(LoadScopeScheduling):
    """A worker takes whole files; all that measures is one unit, and never beside itself."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "measuring" if file.startswith(MEASURING) else file


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)
