"""The signed card reaches the champion's files and MLflow's page of its version."""

from pathlib import Path
from typing import Any

import pytest

from leanstage.errors import LeanstageError
from leanstage.gate import attestation
from leanstage.gate.record import keep_decision
from leanstage.gate.rollback import roll_back
from leanstage.registry import runs

CARD = "---\ntags:\n- lean\n---\n\n# tiny: optimized\n\nIt ships.\n\n## Limits\n\nMany.\n"


def carded(promoting: Any) -> Any:
    decision = promoting.unsigned()
    folder = promoting.variants(decision)["optimized"]
    keep_decision(decision, promoting.policy, folder, CARD)
    return decision


def test_the_card_lies_in_the_version_and_opens_its_description(promoting: Any) -> None:
    decision = carded(promoting)
    # Planted by whoever made the candidate: what was signed takes its place.
    (promoting.variants(decision)["optimized"] / "README.md").write_text("# The best model")
    version = promoting.promote(decision)
    stored = promoting.download(version)
    assert (stored / "README.md").read_text() == CARD
    verified = attestation.verify(stored, attestation.trusted_keys(), promoting.now)
    assert verified.digest == decision.digest
    found = promoting.client.get_model_version(version.name, version.version)
    assert found.description == "# tiny: optimized\n\nIt ships."
    kept = {item.path for item in promoting.client.list_artifacts(decision.run_id)}
    assert "model-card.md" in kept
    history = promoting.client.list_artifacts(decision.run_id, "decisions")
    assert len([item for item in history if item.path.endswith(".md")]) == 1


def test_a_decision_of_before_promotes_without_a_card(promoting: Any) -> None:
    decision = promoting.decision()
    (promoting.variants(decision)["optimized"] / "README.md").write_text("# Planted")
    version = promoting.promote(decision)
    assert not (promoting.download(version) / "README.md").exists()
    assert not promoting.client.get_model_version(version.name, version.version).description


@pytest.mark.parametrize("with_card", [True, False])
def test_a_folder_in_the_place_of_the_card_is_refused_in_a_sentence(
    promoting: Any, with_card: bool
) -> None:
    decision = carded(promoting) if with_card else promoting.decision()
    (promoting.variants(decision)["optimized"] / "README.md").mkdir()
    with pytest.raises(LeanstageError, match=r"README\.md is a folder; .* rename it"):
        promoting.promote(decision)
    assert not promoting.target.exists()


def test_a_file_in_the_place_of_the_attestation_is_left_behind(promoting: Any) -> None:
    decision = promoting.decision()
    (promoting.variants(decision)["optimized"] / "attestation").write_text("It is good.")
    stored = promoting.download(promoting.promote(decision))
    attestation.verify(stored, attestation.trusted_keys(), promoting.now)


def test_a_card_that_was_changed_in_mlflow_promotes_nothing(promoting: Any, tmp_path: Path) -> None:
    decision = carded(promoting)
    forged = tmp_path / "model-card.md"
    forged.write_text(CARD.replace("Many", "None"))
    runs.log_file(decision.run_id, forged)
    with pytest.raises(LeanstageError, match=r"'README\.md' changed"):
        promoting.promote(decision)
    assert not promoting.target.exists()


def test_a_rollback_brings_the_card_back(promoting: Any) -> None:
    promoting.promote(carded(promoting))
    promoting.promote(promoting.decision())
    version = roll_back("tiny").new
    found = promoting.client.get_model_version(version.name, version.version)
    assert found.description == "# tiny: optimized\n\nIt ships."
    back = promoting.download(version)
    assert (back / "README.md").read_text() == CARD
    attestation.verify(back, attestation.trusted_keys(), promoting.now)
