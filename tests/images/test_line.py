"""The line in containers, as KFP starts them, against a real MLflow server."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from leanstage.components._image import image
from leanstage.contracts import Decision, Plan, VariantManifest
from leanstage.gate import attestation
from leanstage.variant import MANIFEST, open_variant

pytestmark = pytest.mark.images

NAME = "boxed-reviews"
ACCOUNT = 65532
"""What the images run as; where the tests are not root's, the containers run as their user."""


class Line:
    """Runs pipelines in containers that see a model, rows, a policy and a key, read-only."""

    def __init__(self, server: Any, shared: Path, folder: Path) -> None:
        self.server = server
        self.shared = shared
        self.root = folder / "pipeline"
        self.root.mkdir()
        self.root.chmod(0o777)
        self.request = folder / "request.json"

    def run(self, pipeline: str, **arguments: Any) -> str:
        """Run to the end; returns what the tasks and KFP print."""
        document = {
            "pipeline": pipeline,
            "arguments": arguments,
            "root": str(self.root),
            "mounts": {"/etc/leanstage": str(self.shared)},
            "user": None if os.getuid() == 0 else f"{os.getuid()}:{os.getgid()}",
            "environment": {
                "MLFLOW_TRACKING_URI": self.server.uri,
                "MLFLOW_TRACKING_USERNAME": "gate",
                "MLFLOW_TRACKING_PASSWORD": self.server.passwords["gate"],
                "MLFLOW_EXPERIMENT_NAME": "boxed",
                "LEANSTAGE_POLICY": "/etc/leanstage/policies",
                "LEANSTAGE_KEY": "/etc/leanstage/key/leanstage.key",
                "HF_HUB_OFFLINE": "1",
            },
        }
        self.request.write_text(json.dumps(document), encoding="utf-8")
        answer = subprocess.run(
            [sys.executable, Path(__file__).with_name("in_docker.py"), self.request],
            capture_output=True,
            text=True,
            timeout=1200,
        )
        assert answer.returncode == 0, answer.stdout[-8000:] + answer.stderr[-2000:]
        return answer.stdout

    def output(self, task: str, name: str) -> Path:
        """Where a task left an artifact. KFP calls a container that vanished a success."""
        (found,) = self.root.glob(f"*/{task}/{name}")
        if os.getuid() == 0:
            assert found.stat().st_uid == ACCOUNT
        return found


@pytest.fixture
def line(
    engine: Any,
    mlflow_server: Any,
    tiny_checkpoint: Callable[[str], Path],
    data: dict[str, Path],
    tmp_path: Path,
) -> Line:
    """What an administrator mounts, and an empty pipeline root."""
    shared = tmp_path / "shared"
    (shared / "policies").mkdir(parents=True)
    # Copied file by file: pytest's own folders are closed to every other user.
    for name, folder in (("model", tiny_checkpoint("bert")), ("data", data["train"].parent)):
        (shared / name).mkdir()
        for file in folder.iterdir():
            shutil.copyfile(file, shared / name / file.name)
    policy = {
        "name": "boxed",
        "models": [f"{NAME}*"],
        "promoted_model": "{name}-lean",
        "promoted_experiment": "boxed-promoted",
        # So small a model saves little; what is tested is where it runs.
        "min_saving": 0.0,
        "reference": "registered",
    }
    (shared / "policies" / "boxed.yaml").write_text(yaml.safe_dump(policy))
    key = attestation.generate(shared / "key").private
    if os.getuid() == 0:
        os.chown(key, ACCOUNT, ACCOUNT)
    return Line(mlflow_server, shared, tmp_path)


def request() -> dict[str, str]:
    """The model and the rows, as the containers see them."""
    return {
        "model": "/etc/leanstage/model",
        "train_data": "/etc/leanstage/data/train.jsonl",
        "evaluation_data": "/etc/leanstage/data/evaluation.jsonl",
    }


def test_a_component_of_each_image_runs(line: Line) -> None:
    log = line.run("resolve-and-plan", **request(), name=NAME)
    assert f"Found image '{image('torch')}'" in log
    assert f"Found image '{image('control')}'" in log
    baseline = open_variant(line.output("resolve", "baseline"))
    plan = Plan.load(line.output("plan", "plan"))
    assert plan.baseline_digest == baseline.digest
    assert plan.facts["layers"] == 3


def test_the_whole_line_promotes_a_lean_variant(line: Line) -> None:
    line.run("deploy", **request(), name=NAME, energy_blocks=4)
    decision = Decision.load(line.output("gate", "decision"))
    assert decision.verdict == "PROMOTE_OPTIMIZED"
    promoted = line.output("promote", "promoted")
    manifest = VariantManifest.load(promoted / MANIFEST)
    assert open_variant(promoted).digest == manifest.digest
    assert line.output("report", "html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    champion = line.server.client("gate").get_model_version_by_alias(f"{NAME}-lean", "champion")
    assert champion.tags["leanstage.digest"] == manifest.digest
