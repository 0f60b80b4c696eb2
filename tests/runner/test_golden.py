"""The IR of every pipeline, checked in: a change of wiring, form or platform shows in review.

`make golden` writes it anew. Images carry a fixed tag, and the source of the components, which
the repository holds already, is left out, so that neither a release nor a change inside a
component touches it.
"""

import os
from pathlib import Path

import pytest
import yaml

from leanstage.pipelines import PIPELINES, Platform
from leanstage.runner.images import Target
from leanstage.runner.packages import pipeline_package

GOLDEN = Path(__file__).with_name("golden")
WRITE_VARIABLE = "LEANSTAGE_GOLDEN"


def golden(name: str) -> str:
    package = pipeline_package(name, target=Target("leanstage", "golden"), platform=Platform())
    for executor in package.spec["deploymentSpec"]["executors"].values():
        executor["container"]["command"][-1] = "(source of the component)"
    return yaml.safe_dump_all(package.documents, sort_keys=True)


@pytest.mark.parametrize("name", PIPELINES)
def test_the_ir_is_what_was_reviewed(name: str) -> None:
    path = GOLDEN / f"{name}.yaml"
    if os.environ.get(WRITE_VARIABLE) == "write":
        path.write_text(golden(name), encoding="utf-8")
    assert golden(name) == path.read_text(encoding="utf-8"), "run `make golden` and look at it"


def test_there_is_no_golden_file_of_a_pipeline_that_is_gone() -> None:
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == set(PIPELINES)
