"""What is compiled for a cluster, and what is in the wheel."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import yaml

from leanstage import __version__, components
from leanstage.pipelines import PIPELINES
from leanstage.runner.documents import read_package
from leanstage.runner.packages import write_packages

ROOT = Path(__file__).parents[2]


def executors(path: Path) -> dict[str, dict[str, object]]:
    executors = read_package(path).spec["deploymentSpec"]["executors"]
    return {name: executor["container"] for name, executor in executors.items()}


def test_every_pipeline_and_component_compiles_and_installs_nothing(tmp_path: Path) -> None:
    paths = write_packages(tmp_path)
    assert len(paths) == 2 * len(PIPELINES) + len(components.__all__)
    for path in paths:
        for name, container in executors(path).items():
            assert "pip install" not in str(container["command"]), (path, name)
            image = str(container["image"])
            assert image.endswith((f"leanstage-torch:{__version__}", f"-control:{__version__}"))


def test_the_whole_line_is_in_deploy_in_its_order(release: Path) -> None:
    spec = next(yaml.safe_load_all((release / "pipelines" / "deploy.yaml").read_text()))
    tasks = spec["root"]["dag"]["tasks"]
    after = {name: set(task.get("dependentTasks", [])) for name, task in tasks.items()}
    assert {"resolve", "plan", "distill", "prune", "quantize", "quantize-2"} <= set(tasks)
    assert after["plan"] == {"resolve"}
    assert {"plan", "resolve"} <= after["distill"]
    assert "distill" in after["prune"]
    assert "prune" in after["quantize"]
    assert "prune" not in after["quantize-2"], "the fallback starts from the baseline"
    assert {"evaluate", "evaluate-2", "energy-measure", "energy-measure-2"} <= after["gate"]
    assert "gate" in after["report"]
    assert {"gate", "report"} <= after["promote"]
    for name in ("resolve", "plan", "energy-measure", "gate", "report", "promote"):
        assert not tasks[name]["cachingOptions"].get("enableCache"), name


def test_the_wheel_holds_components_pipelines_and_data(tmp_path: Path) -> None:
    # Built from a copy: a build folder left in the checkout would leak into later wheels.
    source = tmp_path / "source"
    hidden = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "tests", "__pycache__")
    shutil.copytree(ROOT, source, symlinks=True, ignore=hidden)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*command, str(source)], check=True, timeout=300)
    (wheel,) = tmp_path.glob("leanstage-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "leanstage/components/distill/component.py",
        "leanstage/pipelines/deploy.py",
        "leanstage/plan/tree.yaml",
        "leanstage/gate/policies/presets/strict.yaml",
        "leanstage/report/template.html.j2",
        "leanstage/py.typed",
    ):
        assert name in names
    assert not [name for name in names if name.startswith(("components/", "pipelines/", "tests/"))]
