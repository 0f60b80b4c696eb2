"""Weights that were swapped beside an intact manifest: only reading every byte notices."""

from pathlib import Path

from mlflow import MlflowClient

from leanstage.audit import Sources, survey
from leanstage.audit.journal import JOURNAL
from tests.audit.conftest import Shipping


def test_swapped_weights_are_noticed_where_every_byte_is_read(
    mlflow_here: str, tmp_path: Path
) -> None:
    shipping = Shipping(tmp_path, mlflow_here)
    for name in ("kept", "swapped"):
        shipping.ship(name)
    weights = _place(shipping.client, "swapped") / "model.safetensors"
    weights.write_bytes(bytes(weights.stat().st_size - 1) + b"\x01")

    def statuses(**asked: bool) -> dict[str, str]:
        journal = tmp_path / JOURNAL
        audit = survey(tell=lambda _: None, journal=journal, sources=Sources(**asked))
        return {each.model: each.status for each in audit.entries}

    assert set(statuses().values()) == {"optimized"}
    # What was examined without the bytes does not count for an audit that reads them.
    assert statuses(whole=True) == {"kept": "optimized", "swapped": "drifted"}


def _place(client: MlflowClient, name: str) -> Path:
    return Path(client.get_model_version_download_uri(name, "1").removeprefix("file://"))
