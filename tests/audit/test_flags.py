"""What stands out in a model, and what does not."""

from typing import Any

from leanstage.audit.flags import SMALL, flagged
from leanstage.contracts import AuditEntry, Deployed, ModelPolicy


def entry(**fields: Any) -> AuditEntry:
    known = {
        "model": "m", "version": "1", "status": "never-evaluated", "reason": "No gate.",
        "task": "text-classification",
    }  # fmt: skip
    return AuditEntry.model_validate(known | fields)


def peers(count: int = 3, **fields: Any) -> list[AuditEntry]:
    known = {"status": "optimized", "precision": "int8", "parameters": 20_000_000}
    return [entry(**(known | fields)) for _ in range(count)]


def codes(found: AuditEntry, others: list[AuditEntry], *policies: ModelPolicy) -> list[str]:
    return [flag.code for flag in flagged([found, *others], policies)[0].flags]


def on(accelerators: int) -> tuple[Deployed, ...]:
    return (Deployed(kind="Deployment", namespace="a", name="b", accelerators=accelerators),)


def test_many_times_the_parameters_of_its_peers() -> None:
    large = entry(parameters=61_000_000)
    assert codes(large, peers()) == ["parameters.many"]
    assert codes(entry(parameters=60_000_000), peers()) == []
    assert codes(large, peers(2)) == []
    assert codes(large, peers(task="text-generation")) == []
    assert codes(large.model_copy(update={"task": None}), peers(task=None)) == []
    (flag,) = flagged([large, *peers()], ())[0].flags
    assert flag.sentence == (
        "It has 61 M parameters; the 3 optimized models of its task have 20 M in the median."
    )


def test_full_precision_where_a_peer_serves_in_int8() -> None:
    assert codes(entry(precision="fp32"), peers(1)) == ["precision.full"]
    assert codes(entry(precision="fp32"), peers(precision="fp32")) == []
    assert codes(entry(precision="bf16"), peers()) == []
    # A gate chose it for one that is optimized.
    assert codes(peers(1, precision="fp32")[0], peers(1)) == []


def test_an_accelerator_for_a_small_model() -> None:
    assert codes(entry(parameters=SMALL, served_by=on(1)), []) == ["accelerator.small"]
    assert codes(entry(parameters=SMALL + 1, served_by=on(1)), []) == []
    assert codes(entry(parameters=SMALL, served_by=on(0)), []) == []
    assert codes(entry(served_by=on(1)), []) == []
    generating = entry(parameters=SMALL, served_by=on(1), task="text-generation")
    assert codes(generating, []) == []


def test_a_policy_that_has_changed_since() -> None:
    then, now = ModelPolicy(name="p"), ModelPolicy(name="p", min_n=999)
    decided = entry(policy_name="p", policy_sha256=then.sha256())
    assert codes(decided, [], now) == ["policy.changed"]
    assert codes(decided, [], then) == []
    assert codes(decided, [], ModelPolicy(name="other")) == []
    assert codes(entry(), [], now) == []
