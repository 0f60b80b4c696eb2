"""A promotion killed before any of its writes leaves the old champion; the next run repairs it."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore

from leanstage.gate import attestation
from leanstage.registry import champions

WRITES = (
    "create_registered_model",
    "create_logged_model",
    "log_model_artifacts",
    "finalize_logged_model",
    "create_model_version",
    "set_model_version_tag",
    "set_registered_model_alias",
    "set_tag",
    "set_terminated",
)
ENOUGH = 30


def killed_before(write: int | str, work: Callable[[], object]) -> str | None:
    """Do ``work`` in a process that is killed before its nth write, or the first of a name.

    None where it had fewer.

    Returns:
        The write that did not happen.
    """
    reader, writer = os.pipe()
    # A forked child must not share the connections of its parent.
    for store in (TrackingStore, RegistryStore):
        for engine in store._engine_map.values():
            engine.dispose()
    child = os.fork()
    if child == 0:
        os.close(reader)
        made = 0

        def counted(name: str, genuine: Callable[..., object]) -> Callable[..., object]:
            def call(*arguments: object, **named: object) -> object:
                nonlocal made
                made += 1
                if write in (made, name):
                    os.write(writer, name.encode())
                    os.kill(os.getpid(), signal.SIGKILL)
                return genuine(*arguments, **named)

            return call

        for name in WRITES:
            setattr(MlflowClient, name, counted(name, getattr(MlflowClient, name)))
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        name = stream.read().decode()
    _, status = os.waitpid(child, 0)
    if name:
        assert os.WIFSIGNALED(status)
        return name
    assert os.waitstatus_to_exitcode(status) == 0, "the promotion failed without being killed"
    return None


def serving(promoting: Any) -> str:
    return str(promoting.client.get_model_version_by_alias("tiny", "champion").version)


def test_killed_before_every_write_and_run_again(promoting: Any) -> None:
    old = promoting.promote(promoting.decision())
    seen = []
    for write in range(1, ENOUGH):
        decision = promoting.decision()
        killed = killed_before(write, lambda decision=decision: promoting.promote(decision))
        if killed is None:
            break
        seen.append(killed)
        if killed in ("set_tag", "set_terminated"):
            old = champions.champion("tiny")  # killed after its last step: the new one serves
            assert serving(promoting) == old.version
        else:
            assert serving(promoting) == old.version, f"killed before {killed}"
        # The next run of the same decision finishes the work, with the same bytes.
        new = promoting.promote(decision)
        assert serving(promoting) == new.version
        assert champions.champion("tiny") == new
        verified = attestation.verify(
            promoting.download(new), attestation.trusted_keys(), promoting.now
        )
        assert verified.digest == decision.digest
        digests = [entry.tags["leanstage.digest"] for entry in champions.history("tiny")]
        assert digests.count(decision.digest) == 1, "one version for one decision"
        old = new
    assert len(seen) >= 7
    assert {"create_logged_model", "create_model_version", "set_registered_model_alias"} <= set(
        seen
    )
    assert all(entry.state == "promoted" for entry in champions.history("tiny"))


def test_killed_before_every_write_and_another_decision_comes(promoting: Any) -> None:
    old = promoting.promote(promoting.decision())
    for write in range(1, ENOUGH):
        first = promoting.decision()
        killed = killed_before(write, lambda first=first: promoting.promote(first))
        if killed is None:
            break
        second = promoting.decision()
        if second.champion.version == old:
            # Nothing was committed: what was begun is undone, and does not stand in the way.
            new = promoting.promote(second)
        else:
            # It was committed: it counts, and the next one is held against it.
            assert second.champion.digest == first.digest
            new = promoting.promote(second)
            assert (
                promoting.client.get_model_version("tiny", new.version)
                .tags["leanstage.replaced"]
                .endswith(f"/{second.champion.version.version}")
            )
        assert serving(promoting) == new.version
        assert champions.champion("tiny") == new
        states = {entry.state for entry in champions.history("tiny")}
        assert states <= {"promoted", "abandoned"}
        if second.champion.version == old:
            with pytest.raises(champions.ChampionError):
                promoting.promote(first)
            assert serving(promoting) == new.version
        old = new


def test_a_version_that_a_killed_run_left_is_no_champion(promoting: Any) -> None:
    old = promoting.promote(promoting.decision())
    decision = promoting.decision()
    assert killed_before("set_registered_model_alias", lambda: promoting.promote(decision))
    assert serving(promoting) == old.version
    # Committed, but for the alias: reading it tells, settling repairs it.
    assert champions.champion("tiny") != old
    assert champions.settle("tiny") == champions.champion("tiny")
    assert serving(promoting) == champions.champion("tiny").version
