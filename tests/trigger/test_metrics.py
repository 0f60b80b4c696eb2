"""Figures are there from the start: one that first appears with 1 has not increased."""

import re
import subprocess
import sys
from pathlib import Path

import leanstage.trigger
from leanstage.pipelines import PIPELINES
from leanstage.trigger import metrics


def test_every_counter_stands_at_nought_before_anything_happened() -> None:
    code = "from leanstage.trigger import metrics; print(metrics.exposition().decode())"
    text = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    for outcome in metrics.OUTCOMES:
        assert f'leanstage_webhook_deliveries_total{{outcome="{outcome}"}} 0.0' in text
    for pipeline in metrics.PIPELINES:
        assert f'leanstage_runs_created_total{{pipeline="{pipeline}"}} 0.0' in text
    for where in metrics.PLACES:
        assert f'leanstage_failures_total{{where="{where}"}} 0.0' in text


def test_whatever_can_be_counted_is_listed() -> None:
    source = "".join(path.read_text() for path in Path(leanstage.trigger.__path__[0]).rglob("*.py"))
    refused = set(re.findall(r'RejectedError\("(\w+)"', source))
    assert refused
    assert refused < set(metrics.OUTCOMES)
    assert set(metrics.PIPELINES) <= set(PIPELINES)
