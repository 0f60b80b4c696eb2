"""Whose signatures count: the keys that are named, two of them during a rotation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leanstage.errors import InputError, LeanstageError
from leanstage.gate.attestation import (
    VerificationError,
    generate,
    open_envelope,
    sign,
    trust_of,
    trusted_keys,
)


def test_both_keys_of_a_rotation_are_trusted(
    use_key: Callable[[str], str],
    trust_folder: Path,
    promotions: Any,
    trusting: Callable[..., None],
) -> None:
    signed = {}
    for name in ("old", "new"):
        keyid = use_key(name)
        signed[keyid] = sign(promotions.blocked(run_id=name), promotions.policy, None)
    trusting("old", "new")
    assert set(trusted_keys().keys) == set(signed)
    for data in signed.values():
        assert open_envelope(data, trusted_keys()).predicate.decision.verdict == "BLOCKED"


def test_an_unknown_key_is_named(
    use_key: Callable[[str], str],
    trust_folder: Path,
    promotions: Any,
    trusting: Callable[..., None],
) -> None:
    use_key("gate")
    keyid = use_key("attacker")
    data = sign(promotions.blocked(), promotions.policy, None)
    trusting("gate")
    with pytest.raises(VerificationError, match=f"key {keyid}, which is not among those to trust"):
        open_envelope(data, trusted_keys())


@pytest.mark.parametrize("content", [b"", b"no key", b"{}", b'{"keytype": "rsa"}', None])
def test_a_key_that_cannot_be_read_refuses_everything(
    content: bytes | None, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "keys" / "other.pub"
    if content is None:
        path.symlink_to("nowhere")
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"other\.pub"):
        trusted_keys()


def test_a_private_key_is_no_key_to_trust(folder: Path, tmp_path: Path) -> None:
    private = generate(tmp_path / "other").private.read_bytes()
    (tmp_path / "keys" / "other.pub").write_bytes(private)
    with pytest.raises(InputError, match=r"other\.pub is no .* public key") as caught:
        trusted_keys()
    assert private.decode().splitlines()[1] not in str(caught.value)


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_without_keys_trusts_nobody(made: bool, trust_folder: Path) -> None:
    if not made:
        trust_folder.rmdir()
    with pytest.raises(LeanstageError, match="holds no public key"):
        trusted_keys()


def test_a_folder_that_cannot_be_read_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.listdir", refuse)
    with pytest.raises(InputError, match="keys cannot be read: Permission denied"):
        trusted_keys()


def test_what_is_named_alone_is_trusted(
    folder: Path,
    use_key: Callable[[str], str],
    trust_folder: Path,
    promotions: Any,
    trusting: Callable[..., None],
) -> None:
    keyid = use_key("other")
    trusting("other")
    assert list(trusted_keys().keys) == [keyid]
    with pytest.raises(VerificationError, match="not among those to trust"):
        promotions.verify(folder)


def test_trust_in_named_keys_alone(
    folder: Path, tmp_path: Path, use_key: Callable[[str], str], promotions: Any
) -> None:
    use_key("other")
    other = tmp_path / "keys-of" / "other" / "leanstage.pub"
    own = tmp_path / "keys" / "leanstage.pub"
    with pytest.raises(VerificationError, match=r"not among those to trust in .*other"):
        promotions.verify(folder, trust_of([other]))
    promotions.verify(folder, trust_of([other, own]))
    promotions.verify(folder, trust_of())
