"""The key that is named: of any kind, read with one sentence, never quoted."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from securesystemslib.signer import CryptoSigner

from leanstage.errors import InputError, LeanstageError
from leanstage.gate.attestation import generate, signer, trusted_keys
from leanstage.gate.attestation.keys import public_pem, read_public


def use(monkeypatch: pytest.MonkeyPatch, key: object, public: object = "") -> None:
    monkeypatch.setenv("LEANSTAGE_KEY", str(key))
    monkeypatch.setenv("LEANSTAGE_KEY_PUBLIC", str(public))


def save(path: Path, made: CryptoSigner) -> Path:
    path.write_bytes(made.private_bytes)
    return path


@pytest.mark.parametrize("uri", ["http://mlflow:5000", "postgresql://db/mlflow", None])
def test_with_a_server_the_key_must_be_named(
    monkeypatch: pytest.MonkeyPatch, uri: str | None
) -> None:
    if uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    else:
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(LeanstageError, match=r"LEANSTAGE_KEY is not set.*leanstage keygen"):
        signer()
    with pytest.raises(LeanstageError, match="LEANSTAGE_TRUST is not set"):
        trusted_keys()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_named_key_of_any_kind_signs_and_is_trusted(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promotions: Any
) -> None:
    path = save(tmp_path / "my.key", getattr(CryptoSigner, f"generate_{kind}")())
    path.chmod(0o440)
    use(monkeypatch, path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    folder = promotions.signed(promotions.variant(tmp_path / "promoted"))
    verified = promotions.verify(folder)
    assert verified.keyid == signer().public_key.keyid
    assert not (tmp_path / "keys").exists()


def test_decisions_of_the_embedded_key_hold_after_another_is_named(
    tmp_path: Path, use_key: Callable[[str], str], folder: Path, promotions: Any
) -> None:
    newer = use_key("newer")
    assert promotions.verify(folder).keyid != newer
    later = promotions.signed(promotions.variant(tmp_path / "later"))
    assert promotions.verify(later).keyid == newer


def test_an_encrypted_key_asks_for_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = CryptoSigner.generate_ed25519()
    pem = made._private_key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame")
    )
    path = tmp_path / "locked.key"
    path.write_bytes(pem)
    use(monkeypatch, path)
    with pytest.raises(InputError, match="give its password in LEANSTAGE_KEY_PASSWORD"):
        signer()
    monkeypatch.setenv("LEANSTAGE_KEY_PASSWORD", "open barley")
    with pytest.raises(InputError, match="the password is wrong") as caught:
        signer()
    assert "barley" not in str(caught.value)
    monkeypatch.setenv("LEANSTAGE_KEY_PASSWORD", "open sesame")
    assert signer().public_key.keyid == made.public_key.keyid


def test_a_password_does_not_matter_to_a_key_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = CryptoSigner.generate_ed25519()
    use(monkeypatch, save(tmp_path / "my.key", made))
    monkeypatch.setenv("LEANSTAGE_KEY_PASSWORD", "open sesame")
    assert signer().public_key.keyid == made.public_key.keyid


def test_no_message_quotes_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = CryptoSigner.generate_ed25519().private_bytes.decode()
    body = pem.splitlines()[1]
    (tmp_path / "cut.key").write_text(pem.replace("-----END", "-----END OF"))
    (tmp_path / "bare.key").write_text(body)
    for value in (pem, body, body * 100, base64.b64encode(pem.encode()).decode(), "awskms:" + body):
        use(monkeypatch, value)
        with pytest.raises(LeanstageError) as caught:
            signer()
        assert value not in str(caught.value)
        assert body not in str(caught.value)
    for name in ("cut.key", "bare.key"):
        use(monkeypatch, tmp_path / name)
        with pytest.raises(InputError, match=name) as caught:
            signer()
        assert body not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no key", b"\xff\x00", None])
def test_what_is_no_key_file_is_named(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "my.key"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    use(monkeypatch, path)
    with pytest.raises(InputError, match=r"my\.key cannot be (used|read)"):
        signer()


def test_the_halves_must_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, generate(tmp_path / "a").private, generate(tmp_path / "b").public)
    with pytest.raises(InputError, match="not halves of one key"):
        signer()


def test_the_public_half_tells_the_scheme_of_an_rsa_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = CryptoSigner(rsa.generate_private_key(65537, 2048))
    plain = tmp_path / "plain.pub"
    plain.write_bytes(public_pem(made.public_key))
    assert read_public(plain).scheme == "rsassa-pss-sha256"
    older = tmp_path / "older.pub"
    older.write_text(
        '{"keytype": "rsa", "scheme": "rsa-pkcs1v15-sha256", "keyval": {"public": '
        + repr(public_pem(made.public_key).decode()).replace("'", '"')
        + "}}"
    )
    use(monkeypatch, save(tmp_path / "my.key", made), older)
    assert signer().public_key.scheme == "rsa-pkcs1v15-sha256"
    assert signer().public_key.keyid == read_public(older).keyid != read_public(plain).keyid
