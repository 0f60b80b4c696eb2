"""Promotion to KServe, over HTTP against a cluster that keeps its state."""

import copy
from pathlib import Path
from typing import Any

import pytest

from leanstage.contracts import ModelPolicy, ModelVersion, Resources, Target, VariantManifest
from leanstage.delivery import rollout
from leanstage.delivery.kserve import ServiceError
from leanstage.delivery.rollout import RolloutError, roll_out
from leanstage.delivery.service import Wanted, memory_mebibytes
from leanstage.errors import InputError
from tests.audit.kubernetes_api import kubeconfig
from tests.delivery.cluster import DEFAULTS, Cluster, Object
from tests.manifests.admission import ApiServer
from tests.manifests.kustomize import MANIFESTS, named, render

DIGEST, OTHER = "a" * 64, "b" * 64
OLD = {
    "modelFormat": {"name": "huggingface"},
    "runtime": "kserve-huggingfaceserver",
    "storageUri": "s3://models/reviews",
    "args": ["--model_id=someone/else"],
    "env": [
        {"name": "OMP_NUM_THREADS", "value": "2"},
        {"name": "STORAGE_URI", "value": "s3://other"},
    ],
    "resources": {
        "requests": {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"},
        "limits": {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"},
    },
}
TARGET = Target(namespace="team-a", service="reviews", ready_minutes=0.05)


def wanted(digest: str = DIGEST, number: str = "3", **changes: Any) -> Wanted:
    policy = ModelPolicy(target=TARGET, **changes.pop("policy", {}))
    manifest = {
        "architecture": "BertForSequenceClassification",
        "labels": ("negative", "positive"),
        "runtime": "onnxruntime",
        "precision": "int8",
        "max_length": 128,
        "parameters": 10_000_000,
        "bytes": 18_000_000,
        **changes,
    }
    return Wanted(
        ModelVersion(name="reviews", version=number, created_ms=1),
        decision(digest, policy),
        policy,
        VariantManifest.model_validate(manifest),
    )


def decision(digest: str, policy: ModelPolicy) -> Any:
    from leanstage.contracts import Decision

    return Decision.model_validate(
        {
            "verdict": "PROMOTE_OPTIMIZED", "sentence": "It ships.", "promoted": "optimized",
            "digest": digest, "deploy": "optimized",
            "source": {"name": "reviews", "version": "2", "created_ms": 1},
            "baseline_digest": "c" * 64, "policy_name": policy.name,
            "policy_sha256": policy.sha256(), "evidence_sha256": "0" * 64, "guarantee": "none",
            "run_id": "run-1", "decided": "2026-11-27T12:00:00+00:00",
        }
    )  # fmt: skip


def predictor(cluster: Cluster) -> Object:
    return dict(cluster.services["team-a", "reviews"]["spec"]["predictor"])


def annotations(cluster: Cluster) -> dict[str, str]:
    return dict(cluster.services["team-a", "reviews"]["metadata"].get("annotations") or {})


def test_all_changes_at_once_and_it_waits_for_the_new_pod(cluster: Cluster) -> None:
    cluster.add("team-a", "reviews", OLD, annotations={"team": "a"})
    cluster.log.clear()
    done = roll_out(wanted(), TARGET)
    assert done.address == f"leanstage://reviews@{DIGEST}"
    assert predictor(cluster) == {
        "minReplicas": 2,
        "model": {
            "modelFormat": {"name": "leanstage", "version": "1"},
            "runtime": "leanstage-encoder",
            "storageUri": f"leanstage://reviews@{DIGEST}",
            "env": [{"name": "OMP_NUM_THREADS", "value": "2"}],
            "resources": {
                "requests": {"cpu": "4", "memory": "1Gi"},
                "limits": {"cpu": "4", "memory": "1Gi"},
            },
            **DEFAULTS,
        },
    }
    assert annotations(cluster) == {
        "team": "a",
        "leanstage.io/version": "reviews/3",
        "leanstage.io/digest": DIGEST,
        "leanstage.io/decision": wanted().decision.sha256(),
        "leanstage.io/verdict": "PROMOTE_OPTIMIZED",
        "leanstage.io/run": "run-1",
        "leanstage.io/decided": "2026-11-27T12:00:00+00:00",
    }
    # One change, and not ready before the new pod was, although Ready was true all along.
    assert [verb for verb, _, _ in cluster.log if verb == "PATCH"] == ["PATCH"]
    assert [pod["metadata"]["name"] for pod in cluster.pods("team-a", "reviews")] == ["new"]


def test_again_changes_nothing(cluster: Cluster) -> None:
    cluster.add("team-a", "reviews", OLD)
    roll_out(wanted(), TARGET)
    before = copy.deepcopy(cluster.services["team-a", "reviews"])
    cluster.log.clear()
    assert not roll_out(wanted(), TARGET).changed
    assert {verb for verb, _, _ in cluster.log} == {"GET"}
    assert cluster.services["team-a", "reviews"] == before


def test_a_service_that_is_not_there_is_made(cluster: Cluster) -> None:
    roll_out(wanted(), TARGET)
    made = cluster.services["team-a", "reviews"]
    assert made["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "leanstage"}
    assert made["spec"] == {"predictor": {"model": wanted().model({}) | DEFAULTS}}


@pytest.mark.parametrize("before", [None, OLD])
def test_what_does_not_come_up_is_put_back(cluster: Cluster, before: Object | None) -> None:
    if before is not None:
        cluster.add("team-a", "reviews", before, annotations={"team": "a"})
    said = "the variant is revoked: it leaks names."
    cluster.broken[f"leanstage://reviews@{DIGEST}"] = said
    with pytest.raises(RolloutError) as caught:
        roll_out(wanted(), TARGET)
    sentence = str(caught.value)
    assert (
        "team-a/reviews does not serve version 3 of reviews (storage-initializer of the pod new "
        "says: the variant is revoked: it leaks names); " in sentence
    )
    if before is None:
        assert cluster.services == {}
        assert "was new, and deleted again" in sentence
    else:
        assert predictor(cluster) == {"minReplicas": 2, "model": OLD | DEFAULTS}
        assert annotations(cluster) == {"team": "a"}
        assert (
            "what it served before was put back, s3://models/reviews, and answers; mend" in sentence
        )
    assert sentence.endswith("then run `leanstage rollout reviews`.")


def test_the_decision_before_comes_back_with_its_model(cluster: Cluster) -> None:
    roll_out(wanted(OTHER, "2"), TARGET)
    before = copy.deepcopy(cluster.services["team-a", "reviews"])
    cluster.stuck.add(f"leanstage://reviews@{DIGEST}")
    with pytest.raises(
        RolloutError, match=r"not ready after 0\.05 minutes.*put back, leanstage://"
    ):
        roll_out(wanted(), TARGET)
    after = cluster.services["team-a", "reviews"]
    assert after["spec"] == before["spec"]
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]


def test_a_change_of_somebody_else_is_looked_at_anew(cluster: Cluster) -> None:
    cluster.add("team-a", "reviews", OLD)

    def scaled(service: Object) -> None:
        service["spec"]["predictor"]["minReplicas"] = 5
        cluster.change(service)

    cluster.meanwhile = [scaled]
    roll_out(wanted(), TARGET)
    assert predictor(cluster)["minReplicas"] == 5
    assert predictor(cluster)["model"]["runtime"] == "leanstage-encoder"
    cluster.meanwhile = [scaled] * 20
    with pytest.raises(ServiceError, match="409: the object has been modified"):
        roll_out(wanted(OTHER), TARGET)
    assert predictor(cluster)["model"]["storageUri"].endswith(DIGEST)


def test_what_somebody_else_serves_in_between_is_left_alone(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.add("team-a", "reviews", OLD)
    theirs = "leanstage://reviews@" + "e" * 64

    def sleeping(_: float) -> None:
        service = cluster.services["team-a", "reviews"]
        service["spec"]["predictor"]["model"]["storageUri"] = theirs
        cluster.change(service)

    monkeypatch.setattr(rollout.time, "sleep", sleeping)
    with pytest.raises(RolloutError, match=r"changed it in the meantime\); it was left as it is"):
        roll_out(wanted(), TARGET)
    assert predictor(cluster)["model"]["storageUri"] == theirs


def test_a_service_that_fails_later_is_not_put_back(cluster: Cluster) -> None:
    cluster.add("team-a", "reviews", OLD)
    roll_out(wanted(), TARGET)
    cluster._served.clear()
    cluster.stuck.add(f"leanstage://reviews@{DIGEST}")
    with pytest.raises(RolloutError, match=r"left alone.*\(leanstage rollback reviews\)"):
        roll_out(wanted(), TARGET)
    assert predictor(cluster)["model"]["runtime"] == "leanstage-encoder"


def test_an_api_server_that_restarts_is_waited_for(cluster: Cluster) -> None:
    cluster.add("team-a", "reviews", OLD)

    def restarts(_: Object) -> None:
        cluster.outages = 2

    cluster.meanwhile = [restarts]
    roll_out(wanted(), TARGET)
    assert predictor(cluster)["model"]["runtime"] == "leanstage-encoder"


@pytest.mark.parametrize("verb", ["get", "create", "patch", "list pods"])
def test_an_account_without_a_verb_is_told_the_role(cluster: Cluster, verb: str) -> None:
    if verb != "create":
        cluster.add("team-a", "reviews", OLD)
    cluster.forbidden.add(verb)
    with pytest.raises(ServiceError, match=r"403: .*give this account the role leanstage-rollout"):
        roll_out(wanted(), TARGET)
    if verb != "create":
        assert predictor(cluster)["model"] == OLD | DEFAULTS


def test_the_role_of_the_manifests_is_what_goes_over_the_wire(cluster: Cluster) -> None:
    roll_out(wanted(OTHER, "2"), TARGET)
    roll_out(wanted(), TARGET)
    cluster.broken[f"leanstage://reviews@{'d' * 64}"] = "no."
    with pytest.raises(RolloutError, match="was new, and deleted again"):
        roll_out(wanted("d" * 64), TARGET.model_copy(update={"service": "new"}))
    asked: dict[str, set[str]] = {"pods": set(), "inferenceservices": set()}
    verbs = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}
    for verb, path, _ in cluster.log:
        kind, _, name = path.partition("/namespaces/team-a/")[2].partition("/")
        asked[kind].add(verbs.get(verb, "get" if name else "list"))
    role = named(render(MANIFESTS / "serving"), "ClusterRole", "leanstage-rollout")
    granted = {rule["resources"][0]: set(rule["verbs"]) for rule in role["rules"]}
    assert granted == asked


def test_a_cluster_without_kserve_says_so(cluster: Cluster) -> None:
    cluster.kserve = False
    with pytest.raises(ServiceError, match="knows no InferenceServices; install KServe"):
        roll_out(wanted(), TARGET)


def test_without_a_cluster_nothing_is_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(ServiceError, match=r"there is no cluster here.*leanstage rollout"):
        roll_out(wanted(), TARGET)


def test_a_cluster_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:9")
    monkeypatch.setenv("KUBECONFIG", str(config))
    with pytest.raises(
        ServiceError, match=r"127\.0\.0\.1:9 cannot be reached to list the pods of team-a/reviews"
    ):
        roll_out(wanted(), TARGET)


def test_a_predictor_of_ones_own_is_not_overwritten(cluster: Cluster) -> None:
    cluster.add("team-a", "reviews", OLD)
    service = cluster.services["team-a", "reviews"]
    service["spec"]["predictor"] = {"containers": [{"name": "kserve-container", "image": "mine"}]}
    with pytest.raises(InputError, match=r"\(it has: containers\); write it so, or delete"):
        roll_out(wanted(), TARGET)
    assert "model" not in predictor(cluster)


def test_the_same_bytes_decided_anew_are_waited_for(cluster: Cluster) -> None:
    roll_out(wanted(), TARGET)
    resources = Resources(requests={"memory": "2Gi"}, limits={"memory": "2Gi"})
    target = TARGET.model_copy(update={"resources": resources})
    changed = wanted(number="4")
    policy = changed.policy.model_copy(update={"target": target})
    cluster.log.clear()
    roll_out(Wanted(changed.version, changed.decision, policy, changed.manifest), target)
    (pod,) = cluster.pods("team-a", "reviews")
    assert pod["metadata"]["annotations"]["leanstage.io/version"] == "reviews/4"
    assert predictor(cluster)["model"]["resources"]["limits"] == {"memory": "2Gi"}


def test_what_is_said_of_the_model_before_is_not_believed(cluster: Cluster) -> None:
    cluster.add("team-a", "reviews", OLD)
    cluster.stale = {
        "transitionStatus": "BlockedByFailedLoad",
        "lastFailureInfo": {"message": "of the model before"},
    }
    roll_out(wanted(), TARGET)
    assert predictor(cluster)["model"]["runtime"] == "leanstage-encoder"
    # But if it stays so, it is meant.
    cluster.stuck.add(f"leanstage://reviews@{OTHER}")
    with pytest.raises(RolloutError, match=r"\(of the model before\)"):
        roll_out(wanted(OTHER, "4"), TARGET.model_copy(update={"ready_minutes": 5.0}))


def test_an_answer_that_was_lost_is_looked_for(cluster: Cluster) -> None:
    cluster.add("team-a", "reviews", OLD)
    cluster.lost = 1
    assert roll_out(wanted(), TARGET).changed
    cluster.lost = 1
    cluster.broken[f"leanstage://reviews@{OTHER}"] = "no."
    with pytest.raises(RolloutError, match="what it served before was put back, leanstage://"):
        roll_out(wanted(OTHER, "4"), TARGET)
    assert predictor(cluster)["model"]["storageUri"].endswith(DIGEST)
    # Made anew, too.
    cluster.lost = 1
    target = TARGET.model_copy(update={"service": "other"})
    with pytest.raises(RolloutError, match="was new, and deleted again"):
        roll_out(wanted(OTHER, "4"), target)
    assert ("team-a", "other") not in cluster.services


@pytest.mark.parametrize("before", [OLD, None])
def test_an_undo_whose_answer_was_lost_is_nobody_elses_change(
    cluster: Cluster, before: Object | None
) -> None:
    if before is not None:
        cluster.add("team-a", "reviews", before)
    cluster.broken[f"leanstage://reviews@{DIGEST}"] = "no."
    cluster.meanwhile = [lambda _: setattr(cluster, "lost", 1)]
    if before is not None:
        # A change is looked at, and a new service is not.
        cluster.meanwhile.insert(0, lambda _: None)
    said = "was put back, s3://models/reviews" if before else "was new, and deleted again"
    with pytest.raises(RolloutError, match=said):
        roll_out(wanted(), TARGET)
    assert cluster.lost == 0


def test_what_is_put_back_is_put_back_past_conflicts_and_outages(cluster: Cluster) -> None:
    cluster.add("team-a", "reviews", OLD)
    cluster.broken[f"leanstage://reviews@{DIGEST}"] = "no."

    def goes(_: Object) -> None:
        cluster.outages = 2

    # The first change goes through; each that would put it back meets something.
    cluster.meanwhile = [lambda _: None, cluster.change, cluster.change, goes]
    with pytest.raises(RolloutError, match="was put back, s3://models/reviews"):
        roll_out(wanted(), TARGET)
    assert predictor(cluster)["model"] == OLD | DEFAULTS
    assert cluster.meanwhile == []


def test_a_right_that_is_taken_away_in_between_puts_it_back(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.add("team-a", "reviews", OLD)
    cluster.meanwhile = [lambda _: cluster.forbidden.add("list pods")]
    with pytest.raises(RolloutError, match=r"403: .*was put back.*no pod of it is ready yet"):
        roll_out(wanted(), TARGET)
    assert predictor(cluster)["model"] == OLD | DEFAULTS


def test_more_memory_that_somebody_gives_it_meanwhile_stays(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.add("team-a", "reviews", OLD)

    def sleeping(_: float) -> None:
        service = cluster.services["team-a", "reviews"]
        service["spec"]["predictor"]["model"]["resources"]["limits"]["memory"] = "64Gi"
        cluster.change(service)

    monkeypatch.setattr(rollout.time, "sleep", sleeping)
    with pytest.raises(RolloutError, match="left as it is now, since somebody else changed it"):
        roll_out(wanted(), TARGET)
    assert predictor(cluster)["model"]["resources"]["limits"]["memory"] == "64Gi"


def test_a_share_of_the_requests_is_said(cluster: Cluster) -> None:
    cluster.add("team-a", "reviews", OLD)
    cluster.services["team-a", "reviews"]["spec"]["predictor"]["canaryTrafficPercent"] = 10
    assert roll_out(wanted(), TARGET).why.startswith("10% of the requests go to it")


def test_a_model_without_an_address_comes_back_as_well(cluster: Cluster) -> None:
    before = {key: value for key, value in OLD.items() if key != "storageUri"}
    cluster.add("team-a", "reviews", before)
    cluster.broken[f"leanstage://reviews@{DIGEST}"] = "no."
    with pytest.raises(RolloutError, match="what it served before was put back, and answers; mend"):
        roll_out(wanted(), TARGET)
    assert predictor(cluster)["model"] == before | DEFAULTS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}),
        (
            {"requests": {"cpu": "2"}, "limits": {"memory": "8Gi"}},
            {"requests": {"cpu": "2"}, "limits": {}},
        ),
        ({"limits": {"cpu": "500m"}}, {"requests": {}, "limits": {"cpu": "500m"}}),
        ({"requests": {"nvidia.com/gpu": "1"}}, {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}),
    ],
)
def test_what_is_asked_for_never_contradicts_itself(before: Object, after: Object) -> None:
    memory = {"memory": "1Gi"}
    assert wanted().model({"resources": before})["resources"] == {
        kind: named | memory for kind, named in after.items()
    }


def test_quantities_are_compared_as_such(cluster: Cluster) -> None:
    usual = wanted(bytes=18_000_000)
    roll_out(usual, TARGET)
    model = cluster.services["team-a", "reviews"]["spec"]["predictor"]["model"]
    assert model["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}
    model["resources"]["limits"] = {"cpu": "1000m", "memory": "1024Mi"}
    model["resources"]["requests"] = {"cpu": 1, "memory": "1073741824", "ephemeral-storage": "1Gi"}
    assert not roll_out(usual, TARGET).changed


@pytest.mark.parametrize(
    ("changes", "runtime", "arguments"),
    [
        ({}, "leanstage-encoder", None),
        ({"runtime": "torch", "precision": "fp32"}, "leanstage-encoder", None),
        ({"runtime": "openvino", "precision": "bf16"}, "leanstage-encoder", None),
        (
            {"runtime": "torch", "precision": "bf16", "policy": {"serving": "transformers"}},
            "kserve-huggingfaceserver",
            ["--dtype=bfloat16"],
        ),
        (
            {"task": "text-generation", "labels": (), "runtime": "torch", "precision": "nf4"},
            "kserve-huggingfaceserver",
            ["--dtype=auto"],
        ),
    ],
)
def test_each_kind_of_variant_has_its_runtime(
    cluster: Cluster, changes: dict[str, Any], runtime: str, arguments: list[str] | None
) -> None:
    cluster.add("team-a", "reviews", OLD)
    roll_out(wanted(**changes), TARGET)
    model = predictor(cluster)["model"]
    assert model["runtime"] == runtime
    assert model.get("args") == arguments
    # A model that writes keeps the GPU that was there for it.
    assert ("nvidia.com/gpu" in model["resources"]["limits"]) == (runtime != "leanstage-encoder")


def test_the_policy_may_name_the_resources(cluster: Cluster) -> None:
    asked = Resources(requests={"cpu": "500m", "memory": "300Mi"}, limits={"memory": "1Gi"})
    target = TARGET.model_copy(update={"resources": asked})
    changed = wanted()
    policy = changed.policy.model_copy(update={"target": target})
    roll_out(Wanted(changed.version, changed.decision, policy, changed.manifest), target)
    assert predictor(cluster)["model"]["resources"] == asked.model_dump()


def test_memory_grows_with_the_variant() -> None:
    assert [memory_mebibytes(size) for size in (1, 18_000_000, 500_000_000)] == [1024, 1024, 1792]


def test_a_name_that_no_service_can_have_is_refused(cluster: Cluster) -> None:
    target = TARGET.model_copy(update={"service": "{name}"})
    changed = wanted()
    source = changed.decision.source.model_copy(update={"name": "Film Reviews"})
    odd = changed.decision.model_copy(update={"source": source})
    with pytest.raises(InputError, match="'Film Reviews', which is no name of a service"):
        roll_out(Wanted(changed.version, odd, changed.policy, changed.manifest), target)
    assert cluster.log == []


def test_where_the_namespace_opted_in_only_the_way_forward_is_open(cluster: Cluster) -> None:
    cluster.admission = ApiServer(render(MANIFESTS / "serving"))
    cluster.labels["team-a"] = {"leanstage.io/serving": "decided"}
    cluster.add("team-a", "reviews", OLD)
    roll_out(wanted(OTHER, "2"), TARGET)
    roll_out(wanted(), TARGET)
    assert predictor(cluster)["model"]["storageUri"].endswith(DIGEST)
    # What was there before the namespace opted in cannot come back: the cluster says so.
    cluster.add("team-a", "spam", OLD)
    changed = wanted("d" * 64)
    cluster.broken[str(changed.address)] = "no."
    target = TARGET.model_copy(update={"service": "spam"})
    with pytest.raises(
        RolloutError, match=r"could not be put back.*ValidatingAdmissionPolicy denied.*by hand"
    ):
        roll_out(changed, target)
