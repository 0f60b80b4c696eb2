"""The DAGs of docs/compose.md run as they stand there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from leanstage.contracts import Decision, Evaluation, VariantManifest
from leanstage.tasks import EVALUATION_FILE
from leanstage.variant import MANIFEST

PAGE = Path(__file__).parents[2] / "docs" / "compose.md"
ROLES = ("optimized", "fallback")

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def folder(
    tiny_checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What the page asks for: its blocks under their names, a model and rows."""
    from tests.conftest import reviews, write_rows

    made = tmp_path_factory.mktemp("compose")
    shutil.copytree(tiny_checkpoint("bert"), made / "model")
    write_rows(made / "train.jsonl", reviews(600, seed=2))
    write_rows(made / "evaluation.jsonl", reviews(400, seed=3))
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        name = block.partition("\n")[0].removeprefix("# ")
        (made / name).write_text(block, encoding="utf-8")
    return made


def run(folder: Path, dag: str, **settings: object) -> str:
    """Run a DAG of the page with the rows it names; returns its log."""
    call = {"model": "model", "train": "train.jsonl", "rows": "evaluation.jsonl", **settings}
    script = (
        f"from kfp import local\nfrom {dag} import {dag}\n"
        f"local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root={dag!r})\n"
        f"{dag}(**{call!r})\n"
    )
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "LEANSTAGE_HOME": str(folder / "home"),
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    return done.stdout + done.stderr


def decided(folder: Path, dag: str, **settings: object) -> Decision:
    """The decision of a DAG, which rests on accuracy; what it saves, a busy machine may hide."""
    log = run(folder, dag, blocks=4, seconds=0.02, **settings)
    found = list((folder / dag).glob("*/gate/decision"))
    assert len(found) == 1, log[-6000:]
    decision = Decision.load(found[0])
    for judgement in decision.judgements:
        assert judgement.drop is not None
        assert judgement.saving is not None
    codes = {reason.code.partition(".")[0] for reason in decision.reasons}
    assert not codes & {"digest", "policy"}, decision.sentence
    assert not any(reason.code == "evidence.missing" for reason in decision.reasons)
    assert len(list((folder / dag).glob("*/report/html"))) == 1, log[-6000:]
    promoted = list((folder / dag).glob("*/promote/promoted/leanstage.json"))
    assert len(promoted) == (decision.verdict != "BLOCKED"), log[-6000:]
    return decision


def only(folder: Path, dag: str, place: str) -> Path:
    (found,) = (folder / dag).glob(f"*/{place}")
    return found


def test_the_fast_lane_quantizes_and_judges(folder: Path) -> None:
    decision = decided(folder, "fast_lane")
    lean = VariantManifest.load(only(folder, "fast_lane", "quantize/quantized") / MANIFEST)
    assert [(step.technique, step.status) for step in lean.lineage] == [("quantize", "applied")]
    assert not any(reason.code.startswith("accuracy") for reason in decision.reasons)


def test_the_sweep_chooses_on_validation_rows(folder: Path) -> None:
    decided(folder, "sweep", ratios=[0.25, 0.5])
    swept = {
        path.parent: VariantManifest.load(path)
        for path in (folder / "sweep").glob("*/**/prune*/pruned/leanstage.json")
    }
    assert len(swept) == 2
    widths = {
        trial.settings["intermediate"] for found in swept.values() for trial in _trials(found)
    }
    assert len(widths) == 2, "every ratio is tried in a task of its own"
    chosen = VariantManifest.load(only(folder, "sweep", "choose/chosen") / MANIFEST)
    assert chosen.digest in {found.digest for found in swept.values()}
    assert chosen.parameters == min(found.parameters for found in swept.values())


def test_an_evaluation_of_ones_own_is_counted_by_the_gate(folder: Path) -> None:
    decision = decided(folder, "own_evaluation")
    figures = Evaluation.load(only(folder, "own_evaluation", "sure/figures") / EVALUATION_FILE)
    assert not any(reason.code.startswith("accuracy") for reason in decision.reasons)
    for judgement in decision.judgements:
        assert judgement.drop == pytest.approx(-figures.difference)


def test_components_load_from_their_files(folder: Path, release: Path) -> None:
    shutil.copytree(release, folder / "packages")
    log = run(folder, "from_file")
    assert list((folder / "from_file").glob("*/plan/plan")), log[-6000:]


def _trials(manifest: VariantManifest) -> list[object]:
    return [
        trial for step in manifest.lineage if step.technique == "prune" for trial in step.trials
    ]
