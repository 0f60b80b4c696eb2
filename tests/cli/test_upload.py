"""Pipelines put into a cluster from the command line, as the Job of the manifests does it."""

import os
import subprocess
import sys

from leanstage import __version__
from leanstage.pipelines import PIPELINES
from tests.kfp_state import KfpServer


def _leanstage(*arguments: str, **environment: str) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-c", "from leanstage.cli import main; main()", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_this_versions_pipelines_with_the_images_of_the_environment(kfp_server: KfpServer) -> None:
    where = {"LEANSTAGE_KFP_HOST": kfp_server.uri, "LEANSTAGE_REGISTRY": "registry.corp:5000/ml"}
    code, said = _leanstage("upload", **where)
    assert code == 0, said
    uploaded = said.splitlines()
    assert [line.partition(" ")[0] for line in uploaded] == [f"leanstage-{n}" for n in PIPELINES]
    assert all(line.endswith(": uploaded") for line in uploaded)
    images = {
        executor["container"]["image"]
        for version in kfp_server.versions.values()
        for executor in version["pipeline_spec"]["pipeline_spec"]["deploymentSpec"][
            "executors"
        ].values()
    }
    assert images == {
        f"registry.corp:5000/ml/leanstage-{name}:{__version__}" for name in ("control", "torch")
    }
    # A second process compiles the same bytes.
    code, said = _leanstage("upload", **where)
    assert code == 0, said
    assert said.splitlines() == [line.replace("uploaded", "present") for line in uploaded]
    assert len(kfp_server.versions) == len(PIPELINES)


def test_without_a_cluster_it_says_which_setting_is_missing() -> None:
    code, said = _leanstage("upload", LEANSTAGE_KFP_HOST="")
    assert code == 2
    assert len(said.strip().splitlines()) == 1
    assert "LEANSTAGE_KFP_HOST" in said
