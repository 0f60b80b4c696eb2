"""A model card is a signed file that the content digest leaves out."""

from pathlib import Path
from typing import Any

import pytest

from leanstage.gate.attestation import lay, sign
from leanstage.variant import open_variant

CARD = b"---\ntags: [lean]\n---\n# A card\n"


@pytest.fixture
def carded(variant: Path, promotions: Any) -> Path:
    """A promoted folder with its card."""
    lay(variant, sign(promotions.decision(variant), promotions.policy, variant, CARD))
    (variant / "README.md").write_bytes(CARD)
    return variant


def test_a_folder_with_its_card_verifies_under_the_same_digest(
    carded: Path, promotions: Any
) -> None:
    verified = promotions.verify(carded)
    assert verified.digest == open_variant(carded).digest
    paths = [entry.path for entry in verified.statement.predicate.files]
    assert "README.md" in paths
    assert paths == sorted(paths, key=str.encode)


def test_every_byte_of_the_card_is_signed(carded: Path, promotions: Any) -> None:
    card = carded / "README.md"
    card.write_bytes(CARD.replace(b"lean", b"best"))
    assert "'README.md' changed" in promotions.refused(carded)
    card.unlink()
    assert "'README.md' removed" in promotions.refused(carded)
    card.symlink_to(carded / "config.json")
    assert "is a symbolic link" in promotions.refused(carded)


def test_a_card_that_nobody_signed_is_refused(folder: Path, promotions: Any) -> None:
    (folder / "README.md").write_bytes(CARD)
    assert "'README.md' added" in promotions.refused(folder)


def test_what_lay_there_before_is_not_signed(variant: Path, promotions: Any) -> None:
    (variant / "README.md").write_text("planted")
    lay(variant, sign(promotions.decision(variant), promotions.policy, variant))
    assert "'README.md' added" in promotions.refused(variant)
    (variant / "README.md").unlink()
    promotions.verify(variant)
