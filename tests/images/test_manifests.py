"""The pods of the manifests in containers: as tight as Kubernetes holds them, and they work."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from leanstage.pipelines import PIPELINES
from leanstage.trigger.settings import SECRET_VARIABLE
from tests.kfp_state import KfpServer
from tests.manifests.kustomize import MANIFESTS, Object, named, render, templates
from tests.mlflow_server import GATE, MlflowServer
from tests.trigger.service import signed

pytestmark = pytest.mark.images

MEBIBYTES = {"Mi": 1, "Gi": 1024}


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    return render(MANIFESTS / "overlays/standalone")


def test_the_upload_brings_the_pipelines_in(
    engine: Any, objects: list[Object], kfp_server: KfpServer, tmp_path: Path
) -> None:
    with pod(engine, objects, "leanstage-upload-0-1-0", tmp_path, _at(kfp_server)) as container:
        ended = container.wait(timeout=120)
        assert ended["StatusCode"] == 0, container.logs().decode()
    names = {pipeline["name"] for pipeline in kfp_server.pipelines.values()}
    assert names == {f"leanstage-{name}" for name in PIPELINES}


def test_the_trigger_becomes_ready_and_refuses_what_is_not_signed(
    engine: Any,
    objects: list[Object],
    kfp_server: KfpServer,
    mlflow_server: MlflowServer,
    tmp_path: Path,
) -> None:
    environment = {
        **_at(kfp_server),
        "MLFLOW_TRACKING_URI": mlflow_server.uri,
        "MLFLOW_TRACKING_USERNAME": GATE,
        "MLFLOW_TRACKING_PASSWORD": mlflow_server.passwords[GATE],
        SECRET_VARIABLE: "a secret of this test alone",
        "LEANSTAGE_TRIGGER_HOST": "127.0.0.1",
    }
    with pod(engine, objects, "leanstage-trigger", tmp_path, environment) as container:
        template = templates(objects)["leanstage-trigger"]["spec"]["containers"][0]
        at = f"http://127.0.0.1:{template['ports'][0]['containerPort']}"
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            _answers(at + template[probe]["httpGet"]["path"], container)
        for secret, status in {"another secret": 401, environment[SECRET_VARIABLE]: 202}.items():
            headers = signed(b"{}", secret=secret)
            told = requests.post(f"{at}/webhooks/mlflow", data=b"{}", headers=headers, timeout=10)
            assert told.status_code == status
        assert "leanstage" in requests.get(f"{at}/metrics", timeout=10).text
        container.stop(timeout=30)
        assert container.wait(timeout=60)["StatusCode"] == 0, container.logs().decode()


@contextmanager
def pod(
    engine: Any, objects: list[Object], name: str, folder: Path, environment: dict[str, str]
) -> Iterator[Any]:
    """A container as the template of ``name`` has it; ``environment`` stands in for the cluster's.

    On the machine's own network, where the stand-ins are.
    """
    spec = templates(objects)[name]["spec"]
    (one,) = spec["containers"]
    settings = named(objects, "ConfigMap", one["envFrom"][0]["configMapRef"]["name"])["data"]
    fixed = {each["name"]: each["value"] for each in one.get("env", []) if "value" in each}
    limit = one["resources"]["limits"]["memory"]
    container = engine.containers.run(
        one["image"],
        one["command"],
        detach=True,
        environment={**settings, **fixed, **environment},
        network_mode="host",
        user=f"{spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}",
        read_only=one["securityContext"]["readOnlyRootFilesystem"],
        cap_drop=one["securityContext"]["capabilities"]["drop"],
        security_opt=["no-new-privileges"],
        tmpfs={"/tmp": ""},
        mem_limit=int(limit[:-2]) * MEBIBYTES[limit[-2:]] * 2**20,
        volumes=_mounts(objects, spec, folder),
    )
    try:
        yield container
    finally:
        container.remove(force=True)


def _mounts(objects: list[Object], spec: Object, folder: Path) -> dict[str, dict[str, str]]:
    """ConfigMaps as folders."""
    (one,) = spec["containers"]
    places = {mount["name"]: mount["mountPath"] for mount in one["volumeMounts"]}
    found = {}
    for volume in spec["volumes"]:
        if "configMap" in volume:
            held = folder / volume["name"]
            held.mkdir()
            for key, text in named(objects, "ConfigMap", volume["configMap"]["name"])[
                "data"
            ].items():
                (held / key).write_text(text)
            found[str(held)] = {"bind": places[volume["name"]], "mode": "ro"}
    # The owner of a folder of the tests is no user of the container.
    for path in (folder, *folder.parents[:2]):
        path.chmod(path.stat().st_mode | 0o055)
    return found


def _at(server: KfpServer) -> dict[str, str]:
    return {"LEANSTAGE_KFP_HOST": server.uri}


def _answers(url: str, container: Any) -> None:
    end = time.monotonic() + 120
    said: object = None
    while time.monotonic() < end:
        try:
            answer = requests.get(url, timeout=5)
        except requests.ConnectionError as error:
            said = error
        else:
            if answer.status_code == 200:
                return
            said = answer.text
        time.sleep(0.5)
    raise AssertionError(f"{url}: {said}\n{container.logs().decode()}")
