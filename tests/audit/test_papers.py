"""Where bytes lie, and where the audit does not go for them."""

import pytest

from leanstage.audit.papers import place_of
from leanstage.registry.client import RegistryError

SERVER = "http://mlflow.example:5000"


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", SERVER)


@pytest.mark.parametrize(
    "source", ["http://other.example/m", "mlflow-artifacts://other.example:5000/m", f"{SERVER}1/m"]
)
def test_no_password_goes_to_a_host_that_a_source_names(source: str) -> None:
    with pytest.raises(RegistryError, match="would send its password"):
        place_of(source)


@pytest.mark.parametrize(
    "source", ["mlflow-artifacts:/1/m", "mlflow-artifacts://mlflow.example:5000/m", "s3://bucket/m"]
)
def test_other_places_are_read(source: str) -> None:
    assert place_of(source) == source
