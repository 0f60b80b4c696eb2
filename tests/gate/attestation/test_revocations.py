"""Revocation: by key, by digest, and a list that refuses everything when it is unread."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leanstage.errors import InputError
from leanstage.gate.attestation import (
    VerificationError,
    open_envelope,
    sign,
    trust_of,
    trusted_keys,
)

ID = "a" * 64
DIGEST = "d" * 64


def revoke(trust_folder: Path, text: str) -> None:
    (trust_folder / "revoked.yaml").write_text(text, encoding="utf-8")


def test_a_revoked_key_counts_no_longer_another_does(
    use_key: Callable[[str], str],
    trust_folder: Path,
    promotions: Any,
    trusting: Callable[..., None],
) -> None:
    old = use_key("old")
    before = sign(promotions.blocked(), promotions.policy, None)
    use_key("new")
    after = sign(promotions.blocked(), promotions.policy, None)
    trusting("old", "new")
    revoke(trust_folder, f"keys:\n  {old}: laptop stolen\n")
    with pytest.raises(VerificationError, match=f"key {old} .* is revoked: laptop stolen"):
        open_envelope(before, trusted_keys())
    open_envelope(after, trusted_keys())


def test_a_revoked_key_is_refused_even_where_it_is_no_longer_trusted(
    use_key: Callable[[str], str],
    trust_folder: Path,
    promotions: Any,
    trusting: Callable[..., None],
) -> None:
    old = use_key("old")
    data = sign(promotions.blocked(), promotions.policy, None)
    use_key("new")
    trusting("new")
    revoke(trust_folder, f"schema_version: 1\nkeys: {{{old}: stolen}}\n")
    with pytest.raises(VerificationError, match="is revoked: stolen"):
        open_envelope(data, trusted_keys())


def test_a_revoked_digest_is_refused_whoever_signed_it(
    folder: Path, tmp_path: Path, promotions: Any
) -> None:
    digest = promotions.verify(folder).digest
    revoke(tmp_path / "keys", f"digests:\n  {digest}: answers with slurs\n")
    with pytest.raises(VerificationError, match=f"{digest} is revoked: answers with slurs"):
        promotions.verify(folder)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected keys and values"),
        ("[]", "expected keys and values"),
        (f"key: {{{ID}: stolen}}", "unknown key 'key'; did you mean 'keys'"),
        ("revoked: {}", "unknown key 'revoked'; known keys: schema_version, keys, digests"),
        ("digest: {}", "unknown key 'digest'; did you mean 'digests'"),
        ("keys:", "keys: Input should be a valid dictionary"),
        (f"keys: [{ID}]", "keys: Input should be a valid dictionary"),
        (f"keys: {{{ID}: }}", "Input should be a valid string"),
        (f"keys: {{{ID}: ''}}", "at least 1 character"),
        ("keys: {abc: stolen}", "String should match pattern"),
        (f"keys: {{{ID.upper()}: stolen}}", "String should match pattern"),
        (f"digests: {{{DIGEST}0: bad}}", "String should match pattern"),
        ("digests: {" + "1" * 64 + ": bad}", "Input should be a valid string"),
        (f"keys: {{{ID}: a}}\nkeys: {{}}", "the key 'keys' stands twice"),
        (f"keys: {{{ID}: a, {ID}: b}}", f"the key '{ID}' stands twice"),
        ("schema_version: 2", "schema_version: Input should be 1"),
        ("keys: {", "cannot be read as YAML"),
        ("keys: \x00", "cannot be read as YAML"),
        ("? [a]\n: b", "cannot be read as YAML"),
        ("!!python/object/apply:os.system [echo]", "cannot be read as YAML"),
    ],
)
def test_a_list_that_cannot_be_read_refuses_everything(
    text: str, complaint: str, folder: Path, tmp_path: Path
) -> None:
    revoke(tmp_path / "keys", text)
    with pytest.raises(InputError) as caught:
        trusted_keys()
    assert complaint in str(caught.value)
    assert "revoked.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["revoked.yml", "Revoked.yaml", "revoked.json", "revoked"])
@pytest.mark.parametrize("beside", [True, False])
def test_a_list_under_another_name_is_not_passed_over(
    name: str, beside: bool, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "keys" / name).write_text("keys: {}")
    if beside:
        revoke(tmp_path / "keys", "keys: {}")
    with pytest.raises(InputError, match=rf"{name} would not be read; name .* revoked\.yaml"):
        trusted_keys()


def test_a_list_that_vanished_or_is_no_text_refuses_everything(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "keys" / "revoked.yaml"
    path.symlink_to("..data/revoked.yaml")
    with pytest.raises(InputError, match=r"revoked\.yaml cannot be read"):
        trusted_keys()
    path.unlink()
    path.write_bytes(b"keys: \xff")
    with pytest.raises(InputError, match=r"revoked\.yaml cannot be read"):
        trusted_keys()
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=r"revoked\.yaml cannot be read"):
        trusted_keys()


def test_a_list_may_be_mounted_as_a_link_and_name_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("keys: {}\ndigests: {}\n")
    (tmp_path / "keys" / "revoked.yaml").symlink_to(tmp_path / "list")
    (tmp_path / "keys" / "revoked").mkdir()
    assert trusted_keys().revocations.keys == {}


def test_a_named_list_counts_beside_that_of_the_folder(
    folder: Path, tmp_path: Path, promotions: Any
) -> None:
    digest = promotions.verify(folder).digest
    named = tmp_path / "more.yaml"
    named.write_text("digests: {}")
    revoke(tmp_path / "keys", f"digests: {{{digest}: slurs}}")
    with pytest.raises(VerificationError, match="is revoked: slurs"):
        promotions.verify(folder, trust_of(revoked=named))
    revoke(tmp_path / "keys", "digests: {}")
    promotions.verify(folder, trust_of(revoked=named))
    named.write_text(f"digests: {{{digest}: harm}}")
    for keys in ([], [tmp_path / "keys" / "leanstage.pub"]):
        with pytest.raises(VerificationError, match="is revoked: harm"):
            promotions.verify(folder, trust_of(keys, named))
    with pytest.raises(InputError, match=r"none\.yaml cannot be read"):
        trust_of(revoked=tmp_path / "none.yaml")
