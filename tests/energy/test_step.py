from pathlib import Path
from typing import Any

import pytest

from leanstage.energy.meters import MeterError
from leanstage.energy.step import measure


def test_energy_that_no_meter_sees_is_no_measurement(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("leanstage.energy.step.device_type", lambda: "cuda")
    nothing: Any = None
    with pytest.raises(MeterError, match="CUDA_VISIBLE_DEVICES"):
        measure(nothing, nothing, nothing, batch_size=8, blocks=4, window_seconds=0.5)
