import pytest
from typer.testing import CliRunner

from leanstage.cli.main import app
from leanstage.contracts import MeterSurvey
from tests.energy.powercap import Powercap, powercap

__all__ = ["powercap"]


def test_meters_as_one_document(powercap: Powercap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANSTAGE_PROMETHEUS", "http://user:secret@127.0.0.1:9")
    monkeypatch.setenv("POD_NAMESPACE", "team-a")
    monkeypatch.setenv("POD_NAME", "me")
    powercap.add("intel-rapl:0", "package-0")
    done = CliRunner().invoke(app, ["energy", "meters", "--json"])
    assert done.exit_code == 0
    found = MeterSurvey.parse(done.stdout, where="stdout")
    meters = {meter.info.name: meter for meter in found.meters}
    assert (meters["rapl"].works, meters["rapl"].min_window_seconds) == (True, 0.1)
    assert (meters["kepler"].works, meters["kepler"].min_window_seconds) == (False, None)
    assert "127.0.0.1:9 cannot be reached" in meters["kepler"].info.detail
    assert "secret" not in done.stdout
    assert found.gpu is None
    assert found.processor == meters["rapl"].info


def test_meters_as_a_table(powercap: Powercap, monkeypatch: pytest.MonkeyPatch) -> None:
    powercap.add("intel-rapl:0", "package-0")
    done = CliRunner().invoke(app, ["energy", "meters"], env={"COLUMNS": "200"})
    assert "Best on the GPU        none: not measured there\n" in done.stdout
    assert "Best on the processor  rapl\n" in done.stdout


def test_a_meter_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANSTAGE_METER", "guess")
    done = CliRunner().invoke(app, ["energy", "meters"])
    assert "LEANSTAGE_METER asks for guess; there are nvml" in str(done.exception)
