"""What a cluster's settings make of the tasks."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import dsl

from leanstage.components import distill
from leanstage.errors import InputError
from leanstage.pipelines import PIPELINES, Platform, on_platform, with_platform
from leanstage.pipelines._platform import Nodes, Retries, Size, Toleration, Volume

FULL = Platform(
    distill=Size(cpu="8", memory="64Gi", accelerators=2),
    training_nodes=Nodes(
        selector={"pool": "gpu"},
        tolerations=(Toleration(key="gpu", operator="Exists", effect="NoSchedule"),),
    ),
    serving_nodes=Nodes(
        selector={"pool": "serving"}, tolerations=(Toleration(key="serving", value="yes"),)
    ),
    retries=Retries(count=3, seconds=30, most_seconds=300),
    workspace=Volume(size="50Gi", storage_class="fast"),
    scratch=Volume(size="100Gi"),
    image_pull_secrets=("pull",),
    ttl_seconds=3600,
)


class Compiled:
    """A pipeline by component: its task, its container, and what Kubernetes adds."""

    def __init__(self, component: Any) -> None:
        spec = json_format.MessageToDict(component.pipeline_spec)
        platform = json_format.MessageToDict(component.platform_spec).get("platforms", {})
        kubernetes = platform.get("kubernetes", {})
        self.config = kubernetes.get("pipelineConfig", {})
        self.parameters = spec["root"].get("inputDefinitions", {}).get("parameters", {})
        self.tasks = spec["root"]["dag"]["tasks"]
        self._executors = spec["deploymentSpec"]["executors"]
        self._added = kubernetes.get("deploymentSpec", {}).get("executors", {})

    def container(self, task: str) -> dict[str, Any]:
        container: dict[str, Any] = self._executors[f"exec-{task}"]["container"]
        return container

    def added(self, task: str) -> dict[str, Any]:
        added: dict[str, Any] = self._added.get(f"exec-{task}", {})
        return added

    def having(self, kind: str, name: str) -> set[str]:
        """Tasks that get a Secret or ConfigMap, without the number of a repeated component."""
        return {
            task.removesuffix("-2")
            for task in self.tasks
            for entry in self.added(task).get(kind, [])
            if name in (entry.get("secretName"), entry.get("configMapName"))
        }

    def environment(self, task: str) -> dict[str, str]:
        return {entry["name"]: entry["value"] for entry in self.container(task).get("env", [])}


@pytest.fixture(scope="module")
def deploy() -> Compiled:
    return Compiled(on_platform(PIPELINES["deploy"], FULL))


def test_only_the_gate_holds_the_key(deploy: Compiled) -> None:
    assert deploy.having("secretAsVolume", "leanstage-key") == {"gate"}
    assert deploy.environment("gate")["LEANSTAGE_KEY"] == "/etc/leanstage/key/leanstage.key"
    for task in deploy.tasks:
        assert task == "gate" or "LEANSTAGE_KEY" not in deploy.environment(task)


def test_only_what_talks_to_mlflow_has_its_account(deploy: Compiled) -> None:
    registry = {"resolve", "gate", "report", "promote"}
    assert deploy.having("secretAsEnv", "leanstage-mlflow") == registry
    assert deploy.having("secretAsEnv", "leanstage-object-store") == registry
    assert deploy.having("configMapAsEnv", "leanstage-settings") == registry


def test_what_measures_knows_its_pod_and_what_to_ask(deploy: Compiled) -> None:
    measuring = {"evaluate", "energy-measure"}
    assert deploy.having("secretAsEnv", "leanstage-measuring") == measuring
    for task in deploy.tasks:
        paths = deploy.added(task).get("fieldPathAsEnv", [])
        told = {entry["name"]: entry["fieldPath"] for entry in paths}
        pod = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
        assert told == (pod if task.startswith("energy") else {})


def test_policies_and_trust_are_mounted_where_they_are_read(deploy: Compiled) -> None:
    assert deploy.having("configMapAsVolume", "leanstage-policies") == {"resolve", "plan", "gate"}
    assert deploy.having("configMapAsVolume", "leanstage-trust") == {"gate", "report", "promote"}
    assert deploy.environment("gate")["LEANSTAGE_POLICY"] == "/etc/leanstage/policies"
    assert deploy.environment("report")["LEANSTAGE_TRUST"] == "/etc/leanstage/trust"


def test_a_cluster_without_the_secrets_starts_its_pods(deploy: Compiled) -> None:
    kinds = ("secretAsVolume", "secretAsEnv", "configMapAsVolume", "configMapAsEnv")
    entries = [
        entry
        for task in deploy.tasks
        for kind in kinds
        for entry in deploy.added(task).get(kind, [])
    ]
    assert entries
    assert all(entry["optional"] for entry in entries)


def test_policies_may_live_in_mlflow() -> None:
    compiled = Compiled(on_platform(PIPELINES["deploy"], Platform(policies="mlflow:policies")))
    assert compiled.environment("gate")["LEANSTAGE_POLICY"] == "mlflow:policies"
    assert not compiled.having("configMapAsVolume", "mlflow:policies")


def test_and_branches_of_the_decision_tree_in_a_config_map_of_their_own() -> None:
    platform = Platform(policies="mlflow:policies", tree="leanstage-tree")
    compiled = Compiled(on_platform(PIPELINES["deploy"], platform))
    assert compiled.having("configMapAsVolume", "leanstage-tree") == {"plan"}
    place = "/etc/leanstage/tree/decision-tree.yaml"
    assert compiled.environment("plan")["LEANSTAGE_TREE"] == place


@pytest.mark.parametrize("task", ["distill", "prune"])
def test_a_training_starts_again_and_goes_on_from_its_checkpoint(
    deploy: Compiled, task: str
) -> None:
    policy = deploy.tasks[task]["retryPolicy"]
    assert policy["maxRetryCount"] == 3
    assert (policy["backoffDuration"], policy["backoffMaxDuration"]) == ("30s", "300s")
    place = deploy.tasks[task]["inputs"]["parameters"]["checkpoints"]["runtimeValue"]["constant"]
    assert place == "{{$.workspace_path}}/checkpoints"
    workspace = deploy.config["workspace"]
    assert workspace["size"] == "50Gi"
    claim = workspace["kubernetes"]["pvcSpecPatch"]
    assert claim == {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast"}
    (shared,) = deploy.added(task)["emptyDirMounts"]
    assert (shared["mountPath"], shared["medium"]) == ("/dev/shm", "Memory")


def test_nothing_but_a_training_is_tried_again(deploy: Compiled) -> None:
    again = {task for task, found in deploy.tasks.items() if "retryPolicy" in found}
    assert again == {"distill", "prune"}


def test_without_a_workspace_there_are_no_checkpoints() -> None:
    compiled = Compiled(on_platform(PIPELINES["optimize"], Platform()))
    checkpoints = compiled.tasks["distill"]["inputs"]["parameters"]["checkpoints"]
    assert checkpoints["runtimeValue"]["constant"] == ""
    assert "workspace" not in compiled.config


def test_what_is_timed_runs_where_the_model_will_serve(deploy: Compiled) -> None:
    timed = {
        task
        for task in deploy.tasks
        if deploy.added(task).get("nodeSelector", {}).get("nodeSelectorJson")
        == {"componentInputParameter": "worker_serving_nodes"}
    }
    assert timed == {
        f"{name}{number}"
        for name in ("quantize", "evaluate", "energy-measure")
        for number in ("", "-2")
    }
    for task in timed:
        (toleration,) = deploy.added(task)["tolerations"]
        assert toleration == {"key": "serving", "operator": "Equal", "value": "yes"}
    assert deploy.parameters["worker_serving_nodes"]["defaultValue"] == {"pool": "serving"}


def test_trainings_run_on_their_own_nodes(deploy: Compiled) -> None:
    for task in ("distill", "prune"):
        selector = deploy.added(task)["nodeSelector"]["nodeSelectorJson"]
        assert selector == {"runtimeValue": {"constant": {"pool": "gpu"}}}
        assert deploy.added(task)["tolerations"][0]["effect"] == "NoSchedule"


@pytest.mark.parametrize(
    ("task", "size"),
    [
        ("distill", "distill"),
        ("prune", "prune"),
        ("quantize", "quantize"),
        ("quantize-2", "quantize"),
        ("evaluate", "serving"),
        ("energy-measure-2", "serving"),
    ],
)
def test_the_form_says_what_a_task_gets(deploy: Compiled, task: str, size: str) -> None:
    def input_of(quantity: str) -> str:
        return f"{{{{$.inputs.parameters['pipelinechannel--worker_{quantity}']}}}}"

    resources = deploy.container(task)["resources"]
    assert resources["resourceCpuLimit"] == input_of(f"{size}_cpu")
    assert resources["resourceMemoryLimit"] == input_of(f"{size}_memory")
    accelerator = resources["accelerator"]
    assert accelerator["resourceCount"] == input_of(f"{size}_accelerators")
    assert accelerator["resourceType"] == input_of("accelerator")


def test_the_defaults_of_the_form_are_those_of_the_platform(deploy: Compiled) -> None:
    defaults = {
        name.removeprefix("worker_distill_"): field["defaultValue"]
        for name, field in deploy.parameters.items()
        if name.startswith("worker_distill_")
    }
    # A number would be read as nothing: the driver takes a pod's resources from text alone.
    assert defaults == {"cpu": "8", "memory": "64Gi", "accelerators": "2"}


def test_every_task_has_limits_scratch_space_and_the_pull_secret(deploy: Compiled) -> None:
    for task in deploy.tasks:
        assert {"resourceCpuLimit", "resourceMemoryLimit"} <= set(
            deploy.container(task)["resources"]
        )
        (scratch,) = deploy.added(task)["genericEphemeralVolume"]
        assert (scratch["mountPath"], scratch["size"]) == ("/scratch", "100Gi")
        assert deploy.environment(task)["TMPDIR"] == "/scratch"
        assert deploy.added(task)["imagePullSecret"][0]["secretName"] == "pull"
    assert deploy.config["resourceTtlOnCompletion"] == 3600


def test_a_calibration_runs_where_models_serve_and_knows_its_node() -> None:
    compiled = Compiled(on_platform(PIPELINES["calibrate"], FULL))
    (task,) = compiled.tasks
    (node,) = compiled.added(task)["fieldPathAsEnv"]
    assert (node["name"], node["fieldPath"]) == ("NODE_NAME", "spec.nodeName")
    assert compiled.parameters["worker_serving_nodes"]["defaultValue"] == {"pool": "serving"}
    chosen = compiled.added(task)["nodeSelector"]["nodeSelectorJson"]
    assert chosen == {"componentInputParameter": "worker_serving_nodes"}
    assert compiled.added(task)["tolerations"]
    assert compiled.having("secretAsEnv", "leanstage-mlflow") == {task}
    assert "secretAsVolume" not in compiled.added(task)


@pytest.mark.parametrize("name", PIPELINES)
def test_as_they_stand_the_pipelines_ask_nothing_of_a_cluster(name: str) -> None:
    compiled = Compiled(PIPELINES[name])
    assert not [key for key in compiled.parameters if key.startswith("worker_")]
    for task, found in compiled.tasks.items():
        assert "retryPolicy" not in found
        assert not compiled.added(task)
        assert "resources" not in compiled.container(task)


@dsl.component(base_image="team/judge:1", install_kfp_package=False)
def judge(word: str) -> str:
    return word.upper()


def test_a_team_gives_its_own_task_what_ours_gets() -> None:
    @dsl.pipeline(name="theirs")
    def theirs(word: str = "a") -> None:
        with_platform(judge(word=word), FULL, like="evaluate")

    compiled = Compiled(theirs)
    assert compiled.container("judge")["resources"]["resourceMemoryLimit"] == "8Gi"
    selector = compiled.added("judge")["nodeSelector"]["nodeSelectorJson"]
    assert selector == {"runtimeValue": {"constant": {"pool": "serving"}}}
    (secret,) = {one["secretName"] for one in compiled.added("judge")["secretAsEnv"]}
    assert secret == "leanstage-measuring"


def test_one_of_our_components_in_another_dag_takes_the_settings_of_its_kind() -> None:
    @dsl.pipeline(name="theirs")
    def theirs() -> None:
        rows = dsl.importer(artifact_uri="s3://a/b", artifact_class=dsl.Dataset).output
        model = dsl.importer(artifact_uri="s3://a/c", artifact_class=dsl.Model).output
        plan = dsl.importer(artifact_uri="s3://a/d", artifact_class=dsl.Artifact).output
        task = distill(teacher=model, train=rows, validation=rows, unlabelled=rows, plan=plan)
        with_platform(task, FULL)

    resources = Compiled(theirs).container("distill")["resources"]
    assert resources["resourceCpuLimit"] == "8"
    assert resources["accelerator"]["resourceCount"] == "2"
    assert resources["accelerator"]["resourceType"] == "nvidia.com/gpu"


def test_a_task_of_no_known_kind_is_refused() -> None:
    with pytest.raises(InputError, match="'judge' is no component of leanstage"):

        @dsl.pipeline(name="theirs")
        def theirs() -> None:
            with_platform(judge(word="a"), FULL)


def test_a_pipeline_of_others_is_not_rebuilt() -> None:
    @dsl.pipeline(name="theirs")
    def theirs() -> None:
        judge(word="a")

    with pytest.raises(InputError, match="'theirs' is no pipeline of leanstage"):
        on_platform(theirs, FULL)


def test_platform_settings_do_not_keep_a_dag_from_running_here(tmp_path: Path) -> None:
    code = """
from kfp import dsl, local
from leanstage.pipelines import Platform, with_platform

@dsl.component(base_image="team/judge:1", install_kfp_package=False)
def judge(word: str) -> str:
    return word.upper()

@dsl.pipeline(name="theirs")
def theirs(word: str = "lean") -> str:
    return with_platform(judge(word=word), Platform(), like="distill").output

local.init(runner=local.SubprocessRunner(use_venv=False))
print("said", theirs().output)
"""
    (tmp_path / "dag.py").write_text(code, encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, "dag.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "said LEAN" in finished.stdout


def test_a_file_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "platform.yaml"
    path.write_text(yaml.safe_dump(FULL.model_dump(mode="json")), encoding="utf-8")
    assert Platform.load(path) == FULL
    monkeypatch.setenv("LEANSTAGE_PLATFORM", str(path))
    assert Platform.here() == FULL
    path.write_text("", encoding="utf-8")
    assert Platform.here() == Platform()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("distil: {cpu: '4'}", "did you mean 'distill'"),
        ("distill: {cpu: four}", "distill.cpu"),
        ("distill: {memory: 16GB}", "distill.memory"),
        ("distill: {accelerators: -1}", "distill.accelerators"),
        ("key: Not_A_Name", "key"),
        ("mlflow: {name: a, keys: {a: 'not a name'}}", "mlflow.keys"),
        ("retries: {count: 1, count: 2}", "stands twice"),
        ("- a", "is not a file of platform settings"),
    ],
)
def test_settings_that_no_cluster_takes_are_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "platform.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        Platform.load(path)
    with pytest.raises(InputError, match="cannot be read"):
        Platform.load(tmp_path / "missing.yaml")
