"""A card is shown only as it was signed; from MLflow it comes without the weights."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leanstage.card import signed_card
from leanstage.cli.main import app
from leanstage.contracts import Decision, ModelPolicy, ModelVersion
from leanstage.errors import InputError
from leanstage.gate import attestation
from leanstage.gate.attestation import VerificationError
from leanstage.registry.client import RegistryError
from leanstage.registry.versions import create_version, store
from leanstage.variant import open_variant, seal
from tests.card.conftest import card_of

CARD = str(card_of("PROMOTE_OPTIMIZED"))
POLICY = ModelPolicy()


def decision(folder: Path) -> Decision:
    return Decision(
        verdict="PROMOTE_OPTIMIZED",
        sentence="It ships.",
        promoted="optimized",
        digest=open_variant(folder).digest,
        deploy="optimized",
        source=ModelVersion(name="reviews", version="3", created_ms=1),
        baseline_digest="b" * 64,
        policy_name=POLICY.name,
        policy_sha256=POLICY.sha256(),
        evidence_sha256="e" * 64,
        guarantee="A test.",
        run_id="run-1",
        decided="2026-11-24T11:00:00+00:00",
    )


@pytest.fixture
def folder(tmp_path: Path, mlflow_here: str) -> Path:
    """A small promoted variant with its card, signed by the key of the embedded MLflow."""
    root = tmp_path / "promoted"
    root.mkdir()
    (root / "model.safetensors").write_bytes(bytes(2048))
    seal(
        root,
        architecture="bert",
        labels=("negative", "positive"),
        runtime="torch",
        precision="fp32",
        max_length=64,
        parameters=512,
        lineage=(),
    )
    envelope = attestation.sign(decision(root), POLICY, root, CARD.encode())
    (root / "README.md").write_bytes(CARD.encode())
    attestation.lay(root, envelope)
    return root


def read(place: Path | str) -> str:
    return signed_card(str(place), attestation.trusted_keys(), datetime.now(UTC))


def refused(place: Path | str) -> str:
    with pytest.raises(VerificationError) as caught:
        read(place)
    return str(caught.value)


def registered(folder: Path) -> str:
    model_id = store(open_variant(folder), experiment="promoted", run_id=None, tags={})
    digest = open_variant(folder).digest
    version = create_version(
        "reviews", model_id, digest=digest, run_id=None, tags={}, description="**Short.**"
    )
    return f"models:/reviews/{version.version}"


def test_the_signed_card_is_shown(folder: Path) -> None:
    assert read(folder) == CARD
    attestation.verify(folder, attestation.trusted_keys(), datetime.now(UTC))


def test_a_changed_missing_or_unsigned_card_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "README.md").write_text(CARD.replace("0.00579", "0.00001"))
    assert "is not the one that was signed" in refused(folder)
    (folder / "README.md").unlink()
    assert "lacks the README.md that was signed" in refused(folder)
    attestation.lay(folder, attestation.sign(decision(folder), POLICY, folder))
    (folder / "README.md").write_text(CARD)
    assert "promoted without a model card" in refused(folder)
    shutil.rmtree(folder / "attestation")
    assert "nobody vouches for it" in refused(folder)
    with pytest.raises(InputError, match="is not a folder"):
        read(tmp_path / "nowhere")


def test_of_a_registered_version_the_card_alone_is_fetched(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    uri, fetched = registered(folder), []
    download = mlflow.artifacts.download_artifacts

    def noted(uri: str, **options: Any) -> str:
        fetched.append(uri.rpartition("/")[2])
        return str(download(uri, **options))

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", noted)
    assert read(uri) == CARD
    assert fetched == ["README.md", "decision.dsse.json"]
    with pytest.raises(InputError, match="does not exist in MLflow"):
        read("models:/reviews/99")


def test_a_version_without_a_card_says_what_is_missing(folder: Path) -> None:
    (folder / "README.md").unlink()
    with pytest.raises(RegistryError, match=r"has no README\.md that can be fetched"):
        read(registered(folder))


def test_the_command_prints_the_markdown_where_nobody_watches(folder: Path) -> None:
    done = CliRunner().invoke(app, ["card", str(folder)])
    assert (done.exit_code, done.output) == (0, CARD)
    (folder / "README.md").write_text("forged")
    done = CliRunner().invoke(app, ["card", str(folder)])
    assert isinstance(done.exception, VerificationError)
