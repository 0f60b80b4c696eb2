"""Two accounts: the submitter's proposes, only the gate's promotes. On a real server."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from leanstage.calibrate import log_profile
from leanstage.contracts import Decision, Outcome, RunContext
from leanstage.gate import attestation
from leanstage.tasks import read_labelled, write_split
from leanstage.variant.hardware import hardware_profile

pytestmark = pytest.mark.e2e

NAME, LEAN, POOL = "split-reviews", "split-reviews-lean", "split-pool"
LABELS = ("negative", "positive")


class Sides:
    """Runs the command with the account, the key and the policies that each side has."""

    def __init__(self, server: Any, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.key = attestation.generate(folder / "gate-key")

    def run(self, account: str, *arguments: str | Path, **more: str) -> Any:
        with self.server.as_user(account):
            environment = {
                **os.environ,
                "LEANSTAGE_HOME": str(self.folder / f"home-{account}"),
                "LEANSTAGE_POLICY": str(self.folder / "policies"),
                "MLFLOW_EXPERIMENT_NAME": f"split-{account}",
                **more,
            }
        environment.pop("LEANSTAGE_EVENTS", None)
        if account == "gate":
            environment["LEANSTAGE_KEY"] = str(self.key.private)
        return subprocess.run(
            [sys.executable, "-c", "from leanstage.cli import main; main()", *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
        )


@pytest.fixture
def sides(mlflow_server: Any, data: dict[str, Path], tmp_path: Path) -> Sides:
    """An administrator's set-up: experiments, a policy with its data and hardware, the key."""
    for account in ("sam", "gate"):
        made = mlflow_server.client("admin").create_experiment(f"split-{account}")
        mlflow_server.grant(account, "experiment", made, "EDIT")
    with mlflow_server.as_user("gate"):
        log_profile(hardware_profile().model_copy(update={"name": POOL}))
    rows = read_labelled(str(data["evaluation"]), LABELS, split="evaluation")
    info = write_split(tmp_path / "rows", rows, split="evaluation", labels=LABELS)
    policy = {
        "name": "split",
        "models": ["split-*"],
        "evaluation": str(data["evaluation"]),
        "evaluation_sha256": info.rows_sha256,
        "hardware": POOL,
        "promoted_model": "{name}-lean",
        "promoted_experiment": "split-promoted",
        # So small a model saves little; what is tested is who may promote, not how much it saves.
        "min_saving": 0.0,
        "reference": "registered",
        "approvers": [{"experiment": "split-approvals", "user": "ada"}],
    }
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "split.yaml").write_text(yaml.safe_dump(policy))
    return Sides(mlflow_server, tmp_path)


def test_the_submitter_proposes_and_only_the_gate_promotes(
    sides: Sides, tiny_checkpoint: Callable[[str], Path], data: dict[str, Path], tmp_path: Path
) -> None:
    request = ["--model", tiny_checkpoint("bert"), "--train", data["train"], "--name", NAME]
    server = sides.server

    # A lenient policy, or easy evaluation data, handed in as a parameter.
    lenient = sides.run("sam", "optimize", *request, "--policy", "lenient")
    assert lenient.returncode == 2
    assert "policy.untrusted" in lenient.stderr
    easy = sides.run("sam", "optimize", *request, "--eval", data["train"])
    assert easy.returncode == 2
    assert "policy.untrusted" in easy.stderr

    elsewhere = sides.run("sam", "optimize", *request, "--hardware", "cheap-pool")
    assert elsewhere.returncode == 2
    assert "policy.untrusted" in elsewhere.stderr

    proposed = sides.run("sam", "optimize", *request)
    assert proposed.returncode == 0, proposed.stdout + proposed.stderr
    proposal = re.search(r"leanstage decide (\w+)", proposed.stdout)
    assert proposal is not None
    run_id = proposal[1]

    # Bytes that change after they were proposed are refused before anything is measured.
    sam = server.client("sam")
    config = tmp_path / "config.json"
    with server.as_user("sam"):
        kept = Path(sam.download_artifacts(run_id, "optimized/variant/config.json", str(tmp_path)))
    genuine = kept.read_bytes()
    config.write_text(json.dumps({**json.loads(genuine), "swapped": True}))
    with server.as_user("sam"):
        sam.log_artifact(run_id, str(config), "optimized/variant")
    swapped = sides.run("gate", "decide", run_id)
    assert swapped.returncode == 2, swapped.stdout + swapped.stderr
    assert "was changed after it was written" in swapped.stderr
    config.write_bytes(genuine)
    with server.as_user("sam"):
        sam.log_artifact(run_id, str(config), "optimized/variant")
        # The submitter makes the gate's model first, and so becomes its manager.
        sam.create_registered_model(LEAN)

    squatted = sides.run(
        "gate", "decide", run_id, "--energy-blocks", "6", "--out", tmp_path / "squatted"
    )
    assert squatted.returncode == 1, squatted.stdout + squatted.stderr
    assert re.search(rf"{LEAN}.* sam", squatted.stderr)
    decision = Decision.load(next((tmp_path / "squatted").rglob("gate/decision")))
    assert decision.verdict == "PROMOTE_OPTIMIZED"
    assert "MLflow server with permissions" in decision.guarantee
    context = RunContext.load(next((tmp_path / "squatted").rglob("receive/context")))
    assert (context.proposal, context.hardware.name) == (run_id, POOL)

    # The submitter cannot have the signed decision carried out elsewhere: he holds no key.
    own = sides.run("sam", "decide", decision.run_id)
    assert own.returncode == 1
    assert "LEANSTAGE_TRUST" in own.stderr

    server.client("admin").delete_registered_model(LEAN)
    promoted = sides.run("gate", "decide", decision.run_id, "--json", tmp_path / "outcome.json")
    assert promoted.returncode == 0, promoted.stdout + promoted.stderr
    outcome = Outcome.load(tmp_path / "outcome.json")
    assert outcome.promoted is not None
    verified = sides.run("sam", "verify", outcome.promoted.path, "--key", sides.key.public)
    assert verified.returncode == 0, verified.stderr
    assert outcome.promoted.digest in verified.stdout

    found = server.client("gate").get_model_version_by_alias(LEAN, "champion")
    assert found.tags["leanstage.digest"] == outcome.promoted.digest
    refused_to_submitter(server, found.version, decision.run_id, config)


def refused_to_submitter(server: Any, version: str, run_id: str, file: Path) -> None:
    """Everything by which the submitter's account could promote, or unmake a promotion."""
    from mlflow.exceptions import MlflowException
    from requests import HTTPError

    sam = server.client("sam")
    source = sam.search_model_versions(f"name = '{NAME}'")[0].source
    experiment = sam.get_experiment_by_name("split-promoted").experiment_id
    attempts: dict[str, Callable[[], object]] = {
        "alias": lambda: sam.set_registered_model_alias(LEAN, "champion", "1"),
        "no alias": lambda: sam.delete_registered_model_alias(LEAN, "champion"),
        "version": lambda: sam.create_model_version(LEAN, source),
        "tag": lambda: sam.set_model_version_tag(LEAN, version, "leanstage.state", "abandoned"),
        "deletion": lambda: sam.delete_model_version(LEAN, version),
        "model": lambda: sam.delete_registered_model(LEAN),
        "evidence": lambda: sam.log_artifact(run_id, str(file)),
        "verdict": lambda: sam.set_tag(run_id, "leanstage.verdict", "PROMOTE_BASELINE"),
        "bytes": lambda: sam.create_logged_model(experiment, name="mine"),
    }
    with server.as_user("sam"):
        for what, attempt in attempts.items():
            with pytest.raises((MlflowException, HTTPError), match=r"ermission|403"):
                attempt()
            assert what
    now = server.client("gate").get_model_version_by_alias(LEAN, "champion")
    assert now.version == version
