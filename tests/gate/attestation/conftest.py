"""Real keys, small variants and signed promotions of them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from leanstage.contracts import Decision, JustificationUse, ModelPolicy, ModelVersion, Role
from leanstage.gate.attestation import (
    Trust,
    VerificationError,
    generate,
    lay,
    open_envelope,
    sign,
    trusted_keys,
    verify,
)
from leanstage.gate.attestation.verify import Verified
from leanstage.variant import open_variant, seal

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Promotions:
    """Builds variants, decisions on them and their envelopes."""

    now = NOW
    policy = ModelPolicy()

    def variant(self, root: Path, *, weights: bytes = bytes(range(256)) * 4) -> Path:
        (root / "onnx").mkdir(parents=True)
        (root / "onnx" / "model.onnx").write_bytes(weights)
        (root / "config.json").write_text('{"model_type": "bert"}\n')
        (root / "tokenizer.json").write_text('{"vocabulary": ["a", "b"]}\n')
        seal(
            root,
            architecture="bert",
            labels=("negative", "positive"),
            runtime="onnxruntime",
            precision="int8",
            max_length=64,
            parameters=1000,
            lineage=(),
        )
        return root

    def justification(self, **changes: Any) -> JustificationUse:
        fields: dict[str, Any] = {
            "run_id": "approval-1",
            "experiment": "leanstage-approvals",
            "sha256": "7" * 64,
            "grounds": "accuracy",
            "reason": "Support tickets are routed by this model.",
            "author": "A. Approver",
            "expires": "2026-11-24",
        }
        return JustificationUse(**{**fields, **changes})

    def decision(self, folder: Path, role: Role = "optimized", **changes: Any) -> Decision:
        digest = open_variant(folder).digest
        baseline = role == "baseline"
        fields: dict[str, Any] = {
            "verdict": "PROMOTE_BASELINE" if baseline else "PROMOTE_OPTIMIZED",
            "sentence": f"The {role} candidate ships.",
            "promoted": role,
            "digest": digest,
            "deploy": "baseline" if baseline else "optimized",
            "source": ModelVersion(name="reviews", version="3", created_ms=1_700_000_000_000),
            "baseline_digest": digest if baseline else "b" * 64,
            "policy_name": self.policy.name,
            "policy_sha256": self.policy.sha256(),
            "evidence_sha256": "e" * 64,
            "justification": self.justification() if baseline else None,
            "guarantee": "A test.",
            "run_id": "run-1",
            "decided": "2026-11-24T11:00:00+00:00",
        }
        return Decision(**{**fields, **changes})

    def blocked(self, **changes: Any) -> Decision:
        fields: dict[str, Any] = {
            "verdict": "BLOCKED",
            "sentence": "Nothing ships.",
            "deploy": "optimized",
            "source": ModelVersion(name="reviews", version="3", created_ms=1_700_000_000_000),
            "baseline_digest": "b" * 64,
            "policy_name": self.policy.name,
            "policy_sha256": self.policy.sha256(),
            "evidence_sha256": "e" * 64,
            "guarantee": "A test.",
            "run_id": "run-1",
            "decided": "2026-11-24T11:00:00+00:00",
        }
        return Decision(**{**fields, **changes})

    def signed(self, folder: Path, role: Role = "optimized", **changes: Any) -> Path:
        """Sign a promotion of ``folder`` and lay the envelope into it."""
        lay(folder, sign(self.decision(folder, role, **changes), self.policy, folder))
        return folder

    def verify(self, folder: Path, trust: Trust | None = None) -> Verified:
        return verify(folder, trust or trusted_keys(), self.now)

    def refused(self, folder: Path) -> str:
        """Why a folder is refused, in the one sentence that a user sees."""
        with pytest.raises(VerificationError) as caught:
            self.verify(folder)
        return sentence(caught.value)


def sentence(error: VerificationError) -> str:
    """The message, which is what a user sees."""
    assert error.exit_code == 1
    assert "\n" not in str(error)
    return str(error)


@pytest.fixture(scope="session")
def promotions() -> Promotions:
    """Builds signed promotions."""
    return Promotions()


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of whoever runs the tests."""
    for name in ("KEY", "KEY_PUBLIC", "KEY_PASSWORD", "TRUST"):
        monkeypatch.delenv(f"LEANSTAGE_{name}", raising=False)


@pytest.fixture
def use_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes a key of that name, has it sign from now on, and returns its id."""

    def use(name: str) -> str:
        pair = generate(tmp_path / "keys-of" / name)
        monkeypatch.setenv("LEANSTAGE_KEY", str(pair.private))
        return pair.keyid

    return use


@pytest.fixture
def trust_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of trusted keys, which is named."""
    folder = tmp_path / "trust"
    folder.mkdir()
    monkeypatch.setenv("LEANSTAGE_TRUST", str(folder))
    return folder


@pytest.fixture
def trusting(tmp_path: Path, trust_folder: Path) -> Callable[..., None]:
    """Puts the public halves of keys that were used into the folder of trusted keys."""

    def trust(*names: str) -> None:
        for name in names:
            pem = (tmp_path / "keys-of" / name / "leanstage.pub").read_bytes()
            (trust_folder / f"{name}.pub").write_bytes(pem)

    return trust


@pytest.fixture
def variant(tmp_path: Path, promotions: Promotions) -> Path:
    """A variant that nobody signed yet."""
    return promotions.variant(tmp_path / "variant")


@pytest.fixture
def envelope(variant: Path, promotions: Promotions) -> dict[str, Any]:
    """The envelope of a promotion of that variant, as plain data."""
    return json.loads(sign(promotions.decision(variant), promotions.policy, variant))


@pytest.fixture
def refused() -> Callable[[bytes], str]:
    """Says why an envelope is refused."""

    def refuse(data: bytes) -> str:
        with pytest.raises(VerificationError) as caught:
            open_envelope(data, trusted_keys())
        return sentence(caught.value)

    return refuse


@pytest.fixture
def folder(tmp_path: Path, promotions: Promotions) -> Path:
    """A promoted folder, signed by the key of the embedded MLflow."""
    return promotions.signed(promotions.variant(tmp_path / "promoted"))
