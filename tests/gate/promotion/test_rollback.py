"""Rollback returns to an earlier champion, verified as it is now."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from leanstage.errors import InputError
from leanstage.gate import attestation
from leanstage.gate.rollback import roll_back
from leanstage.registry import champions


@pytest.fixture
def three(promoting: Any) -> list[Any]:
    return [promoting.promote(promoting.decision()) for _ in range(3)]


def digest(promoting: Any, version: Any) -> str:
    return str(promoting.client.get_model_version("tiny", version.version).tags["leanstage.digest"])


def test_the_previous_champion_serves_again(promoting: Any, three: list[Any]) -> None:
    done = roll_back("tiny")
    assert done.restored == three[1]
    assert done.replaced == three[2]
    assert champions.champion("tiny") == done.new
    found = promoting.client.get_model_version_by_alias("tiny", "champion")
    assert str(found.version) == done.new.version
    assert found.tags["leanstage.digest"] == digest(promoting, three[1])
    assert found.tags["leanstage.replaced"] == f"tiny/{three[2].version}"
    attestation.verify(promoting.download(done.new), attestation.trusted_keys(), promoting.now)


def test_a_second_rollback_goes_further_back(promoting: Any, three: list[Any]) -> None:
    roll_back("tiny")
    assert roll_back("tiny").restored == three[0]
    with pytest.raises(InputError, match="no earlier champion"):
        roll_back("tiny")


def test_a_version_can_be_named(promoting: Any, three: list[Any]) -> None:
    assert roll_back("tiny", three[0].version).restored == three[0]
    with pytest.raises(InputError, match="version 1 of tiny is no earlier champion"):
        roll_back("tiny", "1")


def test_promoting_goes_on_after_a_rollback(promoting: Any, three: list[Any]) -> None:
    roll_back("tiny")
    version = promoting.promote(promoting.decision())
    assert champions.champion("tiny") == version


def test_a_revoked_variant_does_not_serve_again(
    promoting: Any, three: list[Any], tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    listed = {"digests": {digest(promoting, three[1]): "leaks training text"}}
    (keys / "revoked.yaml").write_text(yaml.safe_dump(listed))
    with pytest.raises(attestation.VerificationError, match="leaks training text"):
        roll_back("tiny")
    assert champions.champion("tiny") == three[2]
    assert roll_back("tiny", three[0].version).restored == three[0]


def test_a_model_without_a_champion(promoting: Any) -> None:
    with pytest.raises(InputError, match="no champion that a gate promoted"):
        roll_back("tiny")
    with pytest.raises(InputError, match="no champion that a gate promoted"):
        roll_back("nowhere")
