"""The commands that start the line ask for the same, and hand it to their pipeline by its names."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leanstage.cli.main import app
from leanstage.pipelines import deploy, optimize

OPTIONS = {
    "--model": "hf://org/name@1234567",
    "--train": "s3://rows/train",
    "--eval": "s3://rows/evaluation",
    "--validation": "s3://rows/validation",
    "--unlabelled": "s3://rows/unlabelled",
    "--production-sample": "s3://rows/production",
    "--student": "models:/small/1",
    "--policy": "strict",
    "--name": "tiny",
    "--hardware": "a-profile",
    "--deploy": "baseline",
    "--seed": "7",
}


def test_both_commands_ask_for_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def execute(pipeline: str, request: dict[str, Any], **_: Any) -> Any:
        asked[pipeline] = request
        return type("Outcome", (), {"verdict": "PROMOTE_OPTIMIZED"})

    monkeypatch.setattr("leanstage.runner.session.execute", execute)
    monkeypatch.setattr(
        "leanstage.runner.session.propose", lambda request, **_: execute("optimize", request)
    )
    given = [word for option in OPTIONS.items() for word in option]
    for command in ("run", "optimize"):
        ended = CliRunner().invoke(app, [command, *given, "--out", str(tmp_path / command)])
        assert ended.exit_code == 0, ended.output
    blocks = asked["deploy"].pop("energy_blocks")
    assert blocks == 10
    assert asked["deploy"] == asked["optimize"]
    assert {str(value) for value in asked["optimize"].values()} == set(OPTIONS.values())
    for pipeline in (deploy, optimize):
        assert asked["optimize"].keys() <= pipeline.component_spec.inputs.keys()


@pytest.mark.parametrize("command", ["run", "optimize"])
def test_a_run_needs_a_model(command: str) -> None:
    ended = CliRunner().invoke(app, [command])
    assert ended.exit_code == 2
    assert "--model" in ended.output
