"""Policies and keys from the command line: what is said, and with which exit code."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import Command

Said = Callable[..., tuple[int, str]]


@pytest.fixture
def leanstage(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Said:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        code, out, err = command(*arguments)
        return code, out + err

    return run


def test_a_preset_is_explained(leanstage: Said) -> None:
    code, said = leanstage("policy", "explain", "strict")
    assert code == 0
    assert "at most 0.5 points of accuracy" in said
    assert "30% of the energy per answer" in said


def test_a_file_is_checked_and_its_weak_spots_are_named(leanstage: Said, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("name: mine\nallow_overlap: true\n")
    code, said = leanstage("policy", "check", "policy.yaml")
    assert code == 0
    assert "policy.yaml is a valid policy." in said
    assert "allow_overlap accepts" in said


def test_a_broken_file_is_one_sentence_and_exit_code_2(leanstage: Said, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("tolerence: 0.01\n")
    code, said = leanstage("policy", "check", "policy.yaml")
    assert code == 2
    assert said.strip().endswith("unknown key 'tolerence'; did you mean 'tolerance'?")
    assert len(said.strip().splitlines()) == 1


def test_a_key_pair_is_made_once(leanstage: Said, tmp_path: Path) -> None:
    code, said = leanstage("keygen", "--out", "keys")
    assert code == 0
    private = tmp_path / "keys" / "leanstage.key"
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.read_text() not in said
    code, said = leanstage("keygen", "--out", "keys")
    assert code == 2
    assert "never overwritten" in said


def test_a_folder_that_nobody_signed_does_not_verify(leanstage: Said, tmp_path: Path) -> None:
    leanstage("keygen", "--out", "keys")
    (tmp_path / "variant").mkdir()
    code, said = leanstage("verify", "variant", "--key", "keys/leanstage.pub")
    assert code == 1
    assert "nobody vouches for it" in said
    assert not (tmp_path / ".leanstage").exists(), "verifying makes nothing"
