"""What docs/operate.md hands out: figures that exist, rules that fire, a list that is whole."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import Metric

from leanstage.trigger import metrics

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
METRIC = re.compile(r"\b(?:leanstage|process)_\w+")


def exported() -> dict[str, Metric]:
    """Names as Prometheus stores them."""
    return {
        family.name + suffix: family
        for family in metrics.REGISTRY.collect()
        for suffix in SUFFIXES[family.type]
    }


def expressions() -> Iterator[str]:
    """Every expression of the rules and of the dashboard."""
    for group in yaml.safe_load((DOCS / "alerts.yaml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads((DOCS / "grafana.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.mark.parametrize("expression", expressions())
def test_every_figure_is_exported_with_the_labels_that_are_asked_for(expression: str) -> None:
    names = METRIC.findall(expression)
    known = exported()
    assert names
    assert set(names) <= set(known)
    labels = {"le", *(label for metric in _labelled() for label in metric)}
    asked = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    asked += [
        label.strip()
        for found in re.findall(r"\b(?:by|without)\s*\(([^)]*)\)", expression)
        for label in found.split(",")
    ]
    assert set(asked) <= labels


def _labelled() -> list[tuple[str, ...]]:
    found = vars(metrics).values()
    return [value._labelnames for value in found if hasattr(value, "_labelnames")]


def test_every_alert_says_what_it_means_and_the_page_what_to_do() -> None:
    page = (DOCS / "operate.md").read_text()
    for group in yaml.safe_load((DOCS / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"critical", "warning", "info"}
            assert rule["annotations"]["summary"]
            assert f"`{rule['alert']}`" in page


def test_the_rules_fire_when_they_should(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")
    for path in (DOCS / "alerts.yaml", Path(__file__).with_name("alerts.test.yaml")):
        shutil.copy(path, tmp_path)
    for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]):
        done = subprocess.run(
            [promtool, *command], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    board = json.loads((DOCS / "grafana.json").read_text())
    assert board["uid"]
    assert board["schemaVersion"] >= 36
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    (variable,) = board["templating"]["list"]
    assert (variable["name"], variable["type"]) == ("datasource", "datasource")
    for panel in panels:
        assert panel["datasource"]["uid"] == "${datasource}"
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24


def test_the_mirror_list_is_whole() -> None:
    done = subprocess.run(
        ["make", "--silent", "mirror-list"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    pinned = {_plain(line.partition("==")[0]) for line in lines if "==" in line}
    wanted = {
        _plain(re.split(r"[\[<>=~! ;]", line)[0])
        for path in ROOT.glob("images/*/requirements.txt")
        for line in path.read_text().splitlines()
        if line and not line.startswith(("#", "-"))
    }
    assert wanted
    assert wanted <= pinned
    for image in ("python:3.11-slim", "leanstage-control:", "leanstage-torch:"):
        assert any(image in line for line in lines)


def test_the_page_names_the_versions_that_are_pinned() -> None:
    page = (DOCS / "operate.md").read_text()
    pins = (ROOT / "constraints.txt").read_text()
    for name in ("kfp", "mlflow"):
        (version,) = re.findall(rf"(?m)^{name}==(.+)$", pins)
        assert version in page


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
