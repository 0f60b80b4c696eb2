"""`leanstage plan` and `leanstage tree`: what they print and write, and what they refuse."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from leanstage.contracts import Calibration, HardwareProfile, Plan
from tests.command import Command
from tests.plan.cases import gain

HEAVY = ("torch", "transformers", "onnxruntime", "mlflow", "numpy", "kfp")


@pytest.fixture
def model(tiny_checkpoint: Callable[[str], Path]) -> str:
    return str(tiny_checkpoint("bert"))


@pytest.fixture
def leanstage(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    for name in ("LEANSTAGE_TREE", "LEANSTAGE_POLICY", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)

    return command


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(
        "name: bank\nbranches:\n- {id: quantize.both, answer: Nothing smaller., reason: '[red]',"
        " source: us, settings: {backends: []}}\n"
    )
    return path


def calibrated(folder: Path) -> str:
    gains = (
        gain("onnxruntime-int8", 0.15, 0.17, shape="3x64"),
        gain("torch-bf16", 0.40, 0.44, shape="3x64"),
        gain("bitsandbytes-int8", 3.0, 3.4, shape="3x64"),
    )
    calibration = Calibration(
        measured="2026-11-26", unit="CPU-seconds", versions={}, seconds=1.0, gains=gains
    )
    profile = HardwareProfile(
        name="serving", cpu="x", threads=2, memory_bytes=1, calibration=calibration
    )
    return str(profile.save(folder / "serving.json"))


def test_a_plan_prints_the_path_with_every_reason(leanstage: Command, model: str) -> None:
    code, out, _ = leanstage("plan", "--model", model, "--json", "plan.json")
    assert code == 0
    plan = Plan.load("plan.json")
    assert plan.baseline_digest is None
    for answer in plan.path:
        for text in (answer.question, answer.answer, answer.reason, answer.source):
            assert " ".join(text.split()) in " ".join(out.split())
    assert "(not calibrated)" in out
    assert not Path(".leanstage").exists()


def test_and_what_was_measured(leanstage: Command, model: str, tmp_path: Path) -> None:
    code, out, _ = leanstage("plan", "--model", model, "--hardware", calibrated(tmp_path))
    assert code == 0
    assert "Measure what calibration found to gain, cheapest first.  [measured]" in out
    assert "onnxruntime-int8 costs 0.16 (95% CI 0.15 to 0.17) of float32" in out
    assert "Left out, as it gains nothing here: bitsandbytes-int8." in out
    assert "served by serving\n" in out


def test_options_are_facts(leanstage: Command, model: str) -> None:
    code, _, _ = leanstage(
        *("plan", "--model", model, "--serving", "vllm", "--train-rows", "700"),
        *("--unlabelled-rows", "50", "--batch-size", "32", "--request-rate", "0.5"),
        *("--tolerance", "0.03", "--json", "plan.json"),
    )
    assert code == 0
    facts = Plan.load("plan.json").facts
    assert (facts["serving"], facts["batch_size"], facts["tolerance"]) == ("vllm", 32, 0.03)
    assert (facts["train_rows"], facts["unlabelled_rows"], facts["request_rate"]) == (700, 50, 0.5)


def test_a_picture_of_the_path_is_printed_alone(leanstage: Command, model: str) -> None:
    code, out, _ = leanstage("plan", "--model", model, "--mermaid")
    assert code == 0
    assert out.startswith("flowchart LR\n")
    assert "Checkpoints and graphs." in out


def test_own_branches_come_from_the_option_or_the_environment(
    leanstage: Command, model: str, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = leanstage("plan", "--model", model, "--tree", str(own))
    assert code == 0
    assert "Decision tree 2+bank" in out
    assert "[red] (us)" in out
    monkeypatch.setenv("LEANSTAGE_TREE", str(own))
    code, out, _ = leanstage("plan", "--model", model)
    assert "Decision tree 2+bank" in out


def test_the_tree_is_checked_and_explained(leanstage: Command, own: Path) -> None:
    code, out, err = leanstage("tree", "--tree", str(own))
    assert code == 0
    assert "Version 2+bank" in out
    assert "Nothing smaller." in out
    assert err == ""
    code, _, _ = leanstage("tree", "--out", "page.md")
    assert code == 0
    assert Path("page.md").read_text().startswith("# Decision tree\n")


def test_and_says_which_branches_are_never_taken(leanstage: Command, own: Path) -> None:
    own.write_text(
        own.read_text().replace(
            "quantize.both", "bank.no, into: quantize.serving, when: {layers: {lt: 2, gt: 5}}"
        )
    )
    code, _, err = leanstage("tree", "--tree", str(own))
    assert code == 0
    assert err == "Never taken, whatever the facts: bank.no.\n"


def test_a_model_of_mlflow_is_planned_for(
    leanstage: Command, model: str, embedded_mlflow: str
) -> None:
    client = MlflowClient(embedded_mlflow, registry_uri=embedded_mlflow)
    client.create_registered_model("reviews")
    client.create_model_version("reviews", source=model)
    code, _, err = leanstage("plan", "--model", "models:/reviews/1", "--json", "plan.json")
    assert code == 0, err
    assert Plan.load("plan.json").facts["layers"] == 3


REFUSED = {
    ("--serving", "triton"): "'triton' is nothing that serves a model; use one of: any,",
    ("--request-rate", "0"): "the request rate must be above 0",
    ("--tree", "nowhere.yaml"): "nowhere.yaml cannot be read as branches of a decision tree",
    ("--hardware", "./nowhere.json"): "nowhere.json",
}


@pytest.mark.parametrize("options", REFUSED)
def test_what_cannot_be_used_is_refused(
    leanstage: Command, model: str, options: tuple[str, str]
) -> None:
    code, out, err = leanstage("plan", "--model", model, *options)
    assert code == 2
    assert REFUSED[options] in err
    assert err.count("\n") == 1
    assert out == ""


def test_a_folder_without_a_model_is_refused(leanstage: Command, tmp_path: Path) -> None:
    code, _, err = leanstage("plan", "--model", str(tmp_path))
    assert code == 2
    assert "holds no config.json" in err


def test_nothing_heavy_is_loaded(model: str, tmp_path: Path) -> None:
    code = (
        "import sys, json, atexit\n"
        f"atexit.register(lambda: print(json.dumps([n for n in {HEAVY} if n in sys.modules])))\n"
        f"sys.argv = ['leanstage', 'plan', '--model', {model!r}]\n"
        "from leanstage.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
