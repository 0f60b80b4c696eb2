"""Keys in a service: its machinery is securesystemslib's own, the service is in memory."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, CryptoSigner, Signature, Signer

from leanstage.errors import LeanstageError
from leanstage.gate.attestation import generate, sign, signer, trusted_keys
from leanstage.gate.attestation.keys import public_pem, read_public


def use(monkeypatch: pytest.MonkeyPatch, key: str, public: object = "") -> None:
    monkeypatch.setenv("LEANSTAGE_KEY", key)
    monkeypatch.setenv("LEANSTAGE_KEY_PUBLIC", str(public))


class Service(Signer):
    """A key service that keeps its keys in memory."""

    keys: ClassVar[dict[str, CryptoSigner]] = {}

    def __init__(self, key: CryptoSigner, public: Any) -> None:
        self._key, self._public = key, public

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri: str, public_key: Any, _: Any = None) -> "Service":
        return cls(cls.keys[priv_key_uri.partition(":")[2]], public_key)

    @property
    def public_key(self) -> Any:
        return self._public

    def sign(self, payload: bytes) -> Signature:
        found = self._key.sign(payload)
        return Signature(self._public.keyid, found.signature)


class Refusing(Service):
    """A key service that signs nothing."""

    def sign(self, payload: bytes) -> Signature:
        raise RuntimeError("access denied\nsecond line")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Registers two key services that hold one key; returns its public half."""
    made = CryptoSigner.generate_ecdsa()
    monkeypatch.setattr(Service, "keys", {"gate": made})
    monkeypatch.setitem(SIGNER_FOR_URI_SCHEME, "memory", Service)
    monkeypatch.setitem(SIGNER_FOR_URI_SCHEME, "refusing", Refusing)
    path = tmp_path / "service.pub"
    path.write_bytes(public_pem(made.public_key))
    return path


def test_a_key_service_signs(
    service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promotions: Any
) -> None:
    use(monkeypatch, "memory:gate", service)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    folder = promotions.signed(promotions.variant(tmp_path / "promoted"))
    assert promotions.verify(folder).keyid == read_public(service).keyid


def test_a_key_service_needs_its_public_half(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "memory:gate")
    for ask in (signer, trusted_keys):
        with pytest.raises(LeanstageError, match="name the file in LEANSTAGE_KEY_PUBLIC"):
            ask()


def test_a_verifier_needs_the_public_half_alone(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "", service)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert list(trusted_keys().keys) == [read_public(service).keyid]


def test_a_signature_that_does_not_fit_the_public_half_is_not_handed_out(
    service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promotions: Any
) -> None:
    use(monkeypatch, "memory:gate", generate(tmp_path / "other").public)
    with pytest.raises(LeanstageError, match="signature does not fit the public key"):
        sign(promotions.blocked(), promotions.policy, None)


def test_a_service_that_refuses_is_one_sentence(
    service: Path, monkeypatch: pytest.MonkeyPatch, promotions: Any
) -> None:
    use(monkeypatch, "refusing:gate", service)
    with pytest.raises(LeanstageError, match=r"did not sign .*RuntimeError: access denied") as said:
        sign(promotions.blocked(), promotions.policy, None)
    assert "second line" not in str(said.value)
    use(monkeypatch, "memory:unknown", service)
    with pytest.raises(LeanstageError, match="the memory key that LEANSTAGE_KEY names cannot"):
        signer()


@pytest.mark.parametrize(("scheme", "extra"), [("awskms", "awskms"), ("hv", "vault")])
def test_a_missing_client_is_one_sentence(
    scheme: str, extra: str, service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("securesystemslib.signer._aws_signer.AWS_IMPORT_ERROR", "missing")
    monkeypatch.setattr("securesystemslib.signer._vault_signer.VAULT_IMPORT_ERROR", "missing")
    use(monkeypatch, f"{scheme}:gate/1", service)
    with pytest.raises(LeanstageError, match=rf"pip install 'securesystemslib\[{extra}\]'"):
        signer()


def test_a_scheme_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "vault:gate/1")
    with pytest.raises(LeanstageError, match=r"neither a file .* nor a key service .*awskms"):
        signer()
