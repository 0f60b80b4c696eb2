"""Key files: made once, by one process, and never overwritten."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from leanstage.errors import InputError
from leanstage.gate.attestation import generate, signer, trusted_keys
from leanstage.gate.attestation.keys import read_public


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_pair_is_private_and_openssl_reads_it(tmp_path: Path) -> None:
    pair = generate(tmp_path / "new" / "folder")
    assert (mode(pair.private), mode(pair.public)) == (0o600, 0o644)
    assert sorted(path.name for path in pair.private.parent.iterdir()) == [
        "leanstage.key",
        "leanstage.pub",
    ]
    assert pair.private.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert read_public(pair.public).keyid == pair.keyid
    derived = subprocess.run(
        ["openssl", "pkey", "-in", str(pair.private), "-pubout"], capture_output=True, check=True
    )
    assert derived.stdout == pair.public.read_bytes()


@pytest.mark.parametrize("name", ["leanstage.key", "leanstage.pub"])
@pytest.mark.parametrize("kind", ["file", "broken link"])
def test_a_key_file_is_never_overwritten(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    if kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to("elsewhere")
    with pytest.raises(InputError, match=rf"{name} is there already and is never overwritten"):
        generate(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir() if "leanstage" in entry.name] == [name]
    assert kind == "broken link" or path.read_text() == "mine"


def test_a_key_that_appears_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leanstage.key").write_text("mine")
    monkeypatch.setattr("os.path.lexists", lambda _: False)
    with pytest.raises(InputError, match="never overwritten"):
        generate(tmp_path)
    assert (tmp_path / "leanstage.key").read_text() == "mine"
    assert not list(tmp_path.glob(".leanstage*")), "a half-written key was left"


def test_without_links_a_key_is_made_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    pair = generate(tmp_path)
    assert (mode(pair.private), mode(pair.public)) == (0o600, 0o644)
    assert read_public(pair.public).keyid == pair.keyid
    pair.public.unlink()
    monkeypatch.setattr("os.path.lexists", lambda _: False)
    with pytest.raises(InputError, match="never overwritten"):
        generate(tmp_path)


def test_a_key_that_is_there_is_used_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyid = signer().public_key.keyid

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    assert signer().public_key.keyid == keyid


def test_the_embedded_mlflow_makes_its_key_on_first_use(tmp_path: Path) -> None:
    first = signer().public_key.keyid
    assert (tmp_path / "keys" / "leanstage.key").is_file()
    assert signer().public_key.keyid == first
    assert list(trusted_keys().keys) == [first]


def test_first_use_by_many_processes_makes_one_key(tmp_path: Path) -> None:
    go = tmp_path / "go"
    code = (
        "import sys, time, pathlib, securesystemslib.signer\n"
        "from leanstage.gate.attestation import signer, trusted_keys\n"
        "print('ready', flush=True)\n"
        "while not pathlib.Path(sys.argv[1]).exists(): pass\n"
        "key = signer().public_key.keyid\n"
        "print(key, list(trusted_keys().keys) == [key])\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(go)], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    go.touch()
    answers = {process.communicate(timeout=60)[0] for process in started}
    assert len(answers) == 1
    assert answers.pop().split()[1] == "True"
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [
        "leanstage.key",
        "leanstage.pub",
    ]


def test_a_public_half_that_a_crash_left_out_is_written_again(tmp_path: Path) -> None:
    keyid = signer().public_key.keyid
    (tmp_path / "keys" / "leanstage.pub").unlink()
    signer()
    assert read_public(tmp_path / "keys" / "leanstage.pub").keyid == keyid


def test_a_public_half_of_another_key_is_not_replaced(tmp_path: Path) -> None:
    other = generate(tmp_path / "other").public.read_bytes()
    signer()
    (tmp_path / "keys" / "leanstage.pub").write_bytes(other)
    with pytest.raises(InputError, match="never overwritten"):
        signer()
    (tmp_path / "keys" / "leanstage.key").unlink()
    with pytest.raises(InputError, match="never overwritten"):
        signer()
    assert (tmp_path / "keys" / "leanstage.pub").read_bytes() == other


def test_the_key_is_in_nothing_that_is_signed(folder: Path, tmp_path: Path) -> None:
    secret = (tmp_path / "keys" / "leanstage.key").read_text().splitlines()[1].encode()
    for path in folder.rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes()
