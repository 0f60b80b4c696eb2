"""The recipe of the guide, run as it stands there, with openssl, jq and coreutils."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from securesystemslib.signer import CryptoSigner

from leanstage.gate.attestation import VerificationError, lay, read, sign, signer
from leanstage.gate.attestation.keys import public_pem

GUIDE = Path(__file__).parents[3] / "docs" / "attestation.md"
TOOLS = ("bash", "openssl", "jq", "base64", "sha256sum", "find", "diff")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"
)

RECIPE, VARIATIONS = re.findall(r"```bash\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
(ED25519,) = (line for line in RECIPE.splitlines() if line.startswith("openssl"))
ECDSA, RSA = VARIATIONS.splitlines()


def make_key(kind: str) -> CryptoSigner:
    if kind == "rsa":
        return CryptoSigner(rsa.generate_private_key(65537, 2048))
    return getattr(CryptoSigner, f"generate_{kind}")()


@pytest.fixture
def promoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promotions: Any
) -> Callable[[str], Path]:
    """Signs a promotion with a key of a kind; the public half lies beside the folder."""

    def promote(kind: str) -> Path:
        made = make_key(kind)
        (tmp_path / "my.key").write_bytes(made.private_bytes)
        (tmp_path / "my.pub").write_bytes(public_pem(made.public_key))
        monkeypatch.setenv("LEANSTAGE_KEY", str(tmp_path / "my.key"))
        assert signer().public_key.keyid == made.public_key.keyid
        return promotions.signed(promotions.variant(tmp_path / "promoted"))

    return promote


def by_hand(folder: Path, recipe: str = RECIPE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", recipe],
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin:/usr/local/bin",
            "PUB": str(folder.parent / "my.pub"),
            "TMPDIR": str(folder.parent),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(("kind", "line"), [("ed25519", ED25519), ("ecdsa", ECDSA), ("rsa", RSA)])
def test_a_promotion_is_verified_by_hand(
    kind: str, line: str, promoted: Callable[[str], Path]
) -> None:
    folder = promoted(kind)
    recipe = RECIPE.replace(ED25519, line)
    answer = by_hand(folder, recipe)
    assert answer.returncode == 0, answer.stderr
    assert '"verdict": "PROMOTE_OPTIMIZED"' in answer.stdout
    assert "model.onnx: OK" in answer.stdout
    payload = read(folder)
    (folder / "attestation" / "decision.dsse.json").write_bytes(
        payload.replace(b'"payload":"eyJ', b'"payload":"eyK')
    )
    assert by_hand(folder, recipe).returncode != 0


@pytest.mark.parametrize("how", ["changed", "added", "removed", "link", "beside the envelope"])
def test_tampering_is_seen_by_hand_too(
    how: str, promoted: Callable[[str], Path], promotions: Any
) -> None:
    folder = promoted("ed25519")
    match how:
        case "changed":
            (folder / "config.json").write_text("{}")
        case "added":
            (folder / "onnx" / "more").touch()
        case "removed":
            (folder / "tokenizer.json").unlink()
        case "link":
            (folder / "more").symlink_to("config.json")
        case "beside the envelope":
            (folder / "attestation" / "more").touch()
    assert by_hand(folder).returncode != 0
    with pytest.raises(VerificationError):
        promotions.verify(folder)


def test_the_recipe_covers_the_model_card(promoted: Callable[[str], Path], promotions: Any) -> None:
    folder = promoted("ed25519")
    card = b"# A card\n"
    lay(folder, sign(promotions.decision(folder), promotions.policy, folder, card))
    assert by_hand(folder).returncode != 0, "the card that was signed is missing"
    (folder / "README.md").write_bytes(card)
    assert "README.md: OK" in by_hand(folder).stdout
    (folder / "README.md").write_bytes(card + b"Better still.\n")
    assert by_hand(folder).returncode != 0
