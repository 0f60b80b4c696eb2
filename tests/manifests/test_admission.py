"""In namespaces that opt in, nothing serves but what was decided: one test for each way round."""

import copy
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from leanstage import __version__
from leanstage.cli.main import app
from leanstage.delivery.address import SCHEME, Address
from leanstage.errors import LeanstageError
from leanstage.gate.attestation import generate, trusted_keys
from tests.crds import at_hand, check_resource, schema_of
from tests.manifests.admission import ApiServer, Decision
from tests.manifests.kustomize import MANIFESTS, Object, kinds, named, render

DECIDED = {"leanstage.io/serving": "decided"}
DIGEST = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    return render(MANIFESTS / "serving")


@pytest.fixture(scope="module")
def server(objects: list[Object]) -> ApiServer:
    return ApiServer(objects)


def service(**changes: Any) -> Object:
    """An InferenceService as promotion writes it; ``changes`` by path, ``spec__predictor__x``."""
    found: Object = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "reviews", "namespace": "team-a"},
        "spec": {
            "predictor": {
                "minReplicas": 1,
                "model": {
                    "modelFormat": {"name": "leanstage"},
                    "runtime": "leanstage-encoder",
                    "storageUri": f"leanstage://reviews@{DIGEST}",
                    "env": [{"name": "OMP_NUM_THREADS", "value": "2"}],
                    "resources": {"requests": {"cpu": "1"}},
                },
            }
        },
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = found
        for name in parents:
            place = place.setdefault(name, {})
        if value is None:
            del place[last]
        else:
            place[last] = value
    return found


def create(server: ApiServer, asked: Object, **options: Any) -> Decision:
    return server.decide(asked, namespace_labels=DECIDED, **options)


def test_what_promotion_writes_is_admitted(server: ApiServer) -> None:
    asked = service()
    if at_hand():
        check_resource(asked)
    assert create(server, asked) == Decision()
    llm = service(
        spec__predictor__model__runtime="kserve-huggingfaceserver",
        spec__predictor__model__args=["--model_name", "reviews", "--dtype=bfloat16"],
    )
    assert create(server, llm) == Decision()


CONTAINER = {"name": "own", "image": "example/own"}
MODEL = "spec__predictor__model__"
BYPASSES: dict[str, tuple[Object, str]] = {
    "a custom predictor": (
        service(spec__predictor__model=None, spec__predictor__containers=[CONTAINER]),
        "has to name its model under 'model'",
    ),
    "a container beside the model": (
        service(spec__predictor__containers=[CONTAINER]),
        "containers, images and commands of your own",
    ),
    "an init container": (
        service(spec__predictor__initContainers=[CONTAINER]),
        "containers, images and commands of your own",
    ),
    "a worker of several nodes": (
        service(spec__predictor__workerSpec={"containers": [CONTAINER]}),
        "containers, images and commands of your own",
    ),
    "an image": (service(**{MODEL + "image": "example/own"}), "containers, images and commands"),
    "a command": (service(**{MODEL + "command": ["sh"]}), "containers, images and commands"),
    "a command after the start": (
        service(**{MODEL + "lifecycle": {"postStart": {"exec": {"command": ["sh"]}}}}),
        "containers, images and commands",
    ),
    "a probe with a command": (
        service(**{MODEL + "startupProbe": {"exec": {"command": ["sh"]}}}),
        "probes that run a command",
    ),
    "another version of the runtime": (
        service(**{MODEL + "runtimeVersion": "mine"}),
        "has to be one of leanstage-encoder, kserve-huggingfaceserver, in its own version",
    ),
    "a runtime that is not listed": (
        service(**{MODEL + "runtime": "kserve-mlserver"}),
        "has to be one of leanstage-encoder, kserve-huggingfaceserver",
    ),
    "no runtime, so that KServe chooses": (
        service(**{MODEL + "runtime": None}),
        "has to be one of leanstage-encoder",
    ),
    "a framework's own predictor": (
        service(spec__predictor__model=None, spec__predictor__onnx={"storageUri": "s3://x/y"}),
        "has to name its model under 'model'",
    ),
    "storage elsewhere": (
        service(**{MODEL + "storageUri": "s3://bucket/model"}),
        "has to be leanstage://NAME@DIGEST",
    ),
    "a name without its digest": (
        service(**{MODEL + "storageUri": "leanstage://reviews"}),
        "has to be leanstage://NAME@DIGEST",
    ),
    "a digest cut short": (
        service(**{MODEL + "storageUri": f"leanstage://reviews@{DIGEST[:12]}"}),
        "has to be leanstage://NAME@DIGEST",
    ),
    "no storage at all": (
        service(**{MODEL + "storageUri": None}),
        "has to be leanstage://NAME@DIGEST",
    ),
    "several storages": (
        service(spec__predictor__storageUris=[{"uri": "s3://x/y", "mountPath": "/mnt/models"}]),
        "bring files that nothing verifies",
    ),
    "a storage by a secret": (
        service(**{MODEL + "storage": {"key": "x", "path": "y"}}),
        "bring files that nothing verifies",
    ),
    "another storage container": (
        service(spec__predictor__storageContainerName="mine"),
        "bring files that nothing verifies",
    ),
    "--model_id": (service(**{MODEL + "args": ["--model_id=gpt2"]}), "--model_id and --model_dir"),
    "--model_id in two words": (
        service(**{MODEL + "args": ["--model_name=a", "--model_id", "gpt2"]}),
        "--model_id and --model_dir",
    ),
    "--model_id cut short": (service(**{MODEL + "args": ["--model_i=gpt2"]}), "load another model"),
    "STORAGE_URI": (
        service(**{MODEL + "env": [{"name": "STORAGE_URI", "value": "s3://x/y"}]}),
        "others, such as STORAGE_URI",
    ),
    "HF_MODEL_ID": (
        service(**{MODEL + "env": [{"name": "HF_MODEL_ID", "value": "gpt2"}]}),
        "others, such as STORAGE_URI and HF_MODEL_ID",
    ),
    "variables from elsewhere": (
        service(**{MODEL + "envFrom": [{"configMapRef": {"name": "x"}}]}),
        "others, such as STORAGE_URI",
    ),
    "a volume over the files": (
        service(
            spec__predictor__volumes=[{"name": "x", "emptyDir": {}}],
            **{MODEL + "volumeMounts": [{"name": "x", "mountPath": "/mnt/models"}]},
        ),
        "volumes can lie over the files",
    ),
    "a transformer": (
        service(spec__transformer={"containers": [CONTAINER]}),
        "a transformer or an explainer",
    ),
    "an explainer": (
        service(spec__explainer={"containers": [CONTAINER]}),
        "a transformer or an explainer",
    ),
    "a canary of its own": (
        service(spec__canary=[{"predictor": {"containers": [CONTAINER]}, "trafficPercent": 100}]),
        "spec.canary has a predictor of its own",
    ),
    "an annotation of KServe's own": (
        service(
            metadata__annotations={
                "internal.serving.kserve.io/storage-initializer-sourceuri": "s3://x/y"
            }
        ),
        "annotations of internal.serving.kserve.io",
    ),
    "an annotation of the pod": (
        service(
            spec__predictor__annotations={
                "internal.serving.kserve.io/storage-initializer-sourceuri": "s3://x/y"
            }
        ),
        "annotations of internal.serving.kserve.io",
    ),
    "ModelMesh": (
        service(metadata__annotations={"serving.kserve.io/deploymentMode": "ModelMesh"}),
        "ModelMesh loads it without an init container",
    ),
}


@pytest.mark.parametrize("bypass", BYPASSES)
def test_a_way_round_is_refused_with_the_way_out(bypass: str, server: ApiServer) -> None:
    asked, said = BYPASSES[bypass]
    if at_hand():
        check_resource(asked)
    refused = create(server, asked).refused
    assert any(said in one for one in refused), refused
    before = service()
    changed = server.decide(asked, before=before, namespace_labels=DECIDED).refused
    assert changed == refused, "an update is no way round"
    assert server.decide(asked, namespace_labels={}).refused == [], "who has not opted in is free"


def other(kind: str, version: str = "v1alpha1", **spec: Any) -> Object:
    return {
        "apiVersion": f"serving.kserve.io/{version}",
        "kind": kind,
        "metadata": {"name": "x", "namespace": "team-a"},
        "spec": spec,
    }


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (other("LLMInferenceService", model={"uri": "hf://x/y"}), "an LLMInferenceService loads"),
        (other("LLMInferenceService", "v1alpha2", model={"uri": "hf://x"}), "LLMInferenceService"),
        (other("LLMInferenceServiceConfig", model={"uri": "hf://x"}), "an LLMInferenceService"),
        (
            other("TrainedModel", inferenceService="reviews", model={"storageUri": "s3://x"}),
            "a TrainedModel adds a model",
        ),
        (other("ServingRuntime", containers=[CONTAINER]), "a ServingRuntime takes the place"),
    ],
)
def test_other_kinds_are_refused(asked: Object, said: str, server: ApiServer) -> None:
    (refused,) = create(server, asked).refused
    assert said in refused


def test_a_graph_joins_services_of_its_namespace_alone(server: ApiServer) -> None:
    def graph(**step: str) -> Object:
        steps = [{"serviceName": "reviews"}, step]
        nodes = {"root": {"routerType": "Sequence", "steps": steps}}
        return other("InferenceGraph", nodes=nodes)

    assert create(server, graph(serviceName="topics")) == Decision()
    (refused,) = create(server, graph(serviceUrl="http://elsewhere.example")).refused
    assert "may ask any service" in refused


def test_controllers_may_change_what_does_not_serve(server: ApiServer) -> None:
    """An undecided service from before the namespace opted in can still be deleted."""
    before = BYPASSES["storage elsewhere"][0]
    after = copy.deepcopy(before)
    after["metadata"]["finalizers"] = ["inferenceservice.finalizers"]
    assert server.decide(after, before=before, namespace_labels=DECIDED) == Decision()
    after["spec"]["predictor"]["minReplicas"] = 2
    assert server.decide(after, before=before, namespace_labels=DECIDED).refused


@pytest.mark.parametrize(
    "make", [lambda: BYPASSES["a custom predictor"][0], lambda: other("TrainedModel")]
)
def test_the_glass_is_broken_by_those_with_the_verb_and_on_record(
    make: Callable[[], Object], server: ApiServer
) -> None:
    asked = copy.deepcopy(make())
    asked["metadata"]["labels"] = {"leanstage.io/break-glass": "INC-1234"}
    decision = create(server, asked, user="mallory")
    (refused,) = decision.refused
    assert (
        "needs the verb breakglass on inferenceservices in team-a, which mallory does not hold"
        in refused
    )
    decision = create(server, asked, user="oncall", verbs=("breakglass",))
    assert decision.refused == []
    name = f"{asked['kind']} team-a/{asked['metadata']['name']}"
    assert decision.audited == {"break-glass": f"oncall serves {name} undecided: INC-1234"}
    asked["metadata"]["labels"]["leanstage.io/break-glass"] = ""
    (refused,) = create(server, asked, user="oncall", verbs=("breakglass",)).refused
    assert "has to say why" in refused


def test_taking_the_label_away_is_a_change(server: ApiServer) -> None:
    after = copy.deepcopy(BYPASSES["storage elsewhere"][0])
    before = copy.deepcopy(after)
    before["metadata"]["labels"] = {"leanstage.io/break-glass": "INC-1234"}
    assert server.decide(after, before=before, namespace_labels=DECIDED).refused
    unlabelled = server.decide(before, before=after, namespace_labels=DECIDED).refused
    assert unlabelled, "and so is putting it there"


def test_the_role_to_break_the_glass_allows_that_alone(objects: list[Object]) -> None:
    role = named(objects, "ClusterRole", "leanstage-break-glass")
    assert role["rules"] == [
        {
            "apiGroups": ["serving.kserve.io"],
            "resources": ["inferenceservices"],
            "verbs": ["breakglass"],
        }
    ]
    assert not kinds(objects, "RoleBinding", "ClusterRoleBinding")


@pytest.mark.parametrize("version", ["1.30", "1.33", "1.37"])
def test_every_object_is_one(objects: list[Object], version: str) -> None:
    for found in objects:
        if found["kind"] not in ("ClusterServingRuntime", "ClusterStorageContainer"):
            kubernetes_validate.validate(found, version, strict=True)


def test_the_runtime_is_one_and_the_policies_list_it(objects: list[Object]) -> None:
    runtime = named(objects, "ClusterServingRuntime", "leanstage-encoder")
    policy = named(objects, "ValidatingAdmissionPolicy", "leanstage-serving")
    listed = {one["name"]: one["expression"] for one in policy["spec"]["variables"]}["runtimes"]
    assert f"'{runtime['metadata']['name']}'" in listed
    (container,) = runtime["spec"]["containers"]
    assert container["image"] == f"leanstage/leanstage-serve:{__version__}"
    check_resource(runtime)


def test_pods_take_their_files_by_the_storage_container(
    objects: list[Object], server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = named(objects, "ClusterStorageContainer", "leanstage")
    container = storage["spec"]["container"]
    assert storage["spec"]["supportedUriFormats"] == [{"prefix": SCHEME}]
    assert container["image"] == f"leanstage/leanstage-control:{__version__}"
    # What KServe adds: the address and the folder.
    command = [*container["command"], str(Address("reviews", DIGEST)), "/mnt/models"]
    assert command[0] == "leanstage"
    assert CliRunner().invoke(app, [*command[1:], "--help"]).exit_code == 0
    for one in container["env"]:
        if one["name"].startswith("LEANSTAGE_"):
            monkeypatch.setenv(one["name"], one["value"])
    with pytest.raises(LeanstageError, match="have the administrator put the gate's public keys"):
        trusted_keys()
    check_resource(storage)


def test_settings_and_trust_arrive_where_pods_are_told(tmp_path: Path) -> None:
    copy = tmp_path / "serving"
    shutil.copytree(MANIFESTS / "serving", copy)
    pair, other = generate(tmp_path / "keys"), generate(tmp_path / "others")
    both = pair.public.read_text() + other.public.read_text()
    (copy / "trust/leanstage.pub").write_text(both)
    (copy / "trust/revoked.yaml").write_text(f"keys: {{{other.keyid}: it was lost}}\n")
    settings = copy / "settings.yaml"
    text = settings.read_text().replace(
        "LEANSTAGE_REGISTRY: leanstage", "LEANSTAGE_REGISTRY: r:5/x"
    )
    settings.write_text(
        text.replace("0.1.0", "0.2.0").replace("http://mlflow.mlflow", "https://ml")
    )
    objects = render(copy)
    container = named(objects, "ClusterStorageContainer", "leanstage")["spec"]["container"]
    assert container["image"] == "r:5/x/leanstage-control:0.2.0"
    (served,) = named(objects, "ClusterServingRuntime", "leanstage-encoder")["spec"]["containers"]
    assert served["image"] == "r:5/x/leanstage-serve:0.2.0"
    environment = {one["name"]: one.get("value") for one in container["env"]}
    assert environment["MLFLOW_TRACKING_URI"].startswith("https://ml")
    with patch.dict(os.environ, {key: str(value) for key, value in environment.items() if value}):
        trust = trusted_keys()
    assert set(trust.keys) == {pair.keyid, other.keyid}
    assert trust.revocations.keys == {other.keyid: "it was lost"}
    assert not kinds(objects, "ConfigMap"), "what only carries settings is no object of the cluster"
    assert not [one for one in objects if "namespace" in one["metadata"]]


@pytest.mark.parametrize("name", ["reviews", "_private", "Film Reviews", "søk~2", "a%b", "1.0"])
def test_every_address_that_promotion_writes_is_admitted(server: ApiServer, name: str) -> None:
    asked = service(**{MODEL + "storageUri": str(Address(name, DIGEST))})
    assert server.decide(asked, namespace_labels=DECIDED).refused == []


def test_every_policy_is_bound(objects: list[Object]) -> None:
    policies = {one["metadata"]["name"] for one in kinds(objects, "ValidatingAdmissionPolicy")}
    bindings = kinds(objects, "ValidatingAdmissionPolicyBinding")
    assert {one["spec"]["policyName"] for one in bindings} == policies
    for one in bindings:
        selector = one["spec"]["matchResources"]["namespaceSelector"]["matchLabels"]
        assert selector == DECIDED
        assert "Deny" in one["spec"]["validationActions"]


HARMLESS = """
activeDeadlineSeconds affinity annotations autoScaling automountServiceAccountToken batcher
canaryTrafficPercent containerConcurrency deploymentStrategy dnsConfig dnsPolicy enableServiceLinks
hostAliases hostIPC hostNetwork hostPID hostUsers hostname hostnameOverride imagePullSecrets labels
logger maxReplicas minReplicas model name nodeName nodeSelector os overhead preemptionPolicy
priority priorityClassName readinessGates resourceClaims resources restartPolicy runtimeClassName
scaleMetric scaleMetricType scaleTarget schedulerName schedulingGates securityContext serviceAccount
serviceAccountName setHostnameAsFQDN shareProcessNamespace subdomain terminationGracePeriodSeconds
timeout tolerations topologySpreadConstraints
""".split()
HARMLESS_OF_A_MODEL = """
args confidential env imagePullPolicy livenessProbe modelFormat name ports protocolVersion
readinessProbe resizePolicy resources restartPolicy restartPolicyRules runtime securityContext
startupProbe stdin stdinOnce storageUri terminationMessagePath terminationMessagePolicy tty
""".split()


def test_no_field_of_a_predictor_is_overlooked(objects: list[Object]) -> None:
    """A field that KServe adds is to be looked at before its clusters are said to be guarded."""
    policy = named(objects, "ValidatingAdmissionPolicy", "leanstage-serving")
    text = yaml.safe_dump(policy, width=10_000)
    found = schema_of("serving.kserve.io/v1beta1", "InferenceService")
    spec = found["properties"]["spec"]
    predictor = spec["properties"]["predictor"]["properties"]
    model = predictor["model"]["properties"]
    assert {name for name in spec["properties"] if f"object.spec.{name}" not in text} == set()
    looked_at = {name for name in predictor if f"has(variables.predictor.{name})" in text}
    assert set(predictor) - looked_at - {"annotations"} == set(HARMLESS) - {"annotations"}
    looked_at = {name for name in model if f"has(variables.model.{name})" in text}
    assert set(model) - looked_at == set(HARMLESS_OF_A_MODEL) - looked_at
