"""Tampering with a promoted folder: every file and every name counts."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from leanstage.gate.attestation import (
    Trust,
    VerificationError,
    trusted_keys,
    verify,
)

ENVELOPE = "attestation/decision.dsse.json"


@pytest.mark.parametrize("name", ["config.json", "leanstage.json", "onnx/model.onnx", ENVELOPE])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_a_flipped_bit_is_refused(
    name: str, place: str, mask: int, folder: Path, promotions: Any
) -> None:
    path = folder / name
    data = bytearray(path.read_bytes())
    data[{"first": 0, "middle": len(data) // 2, "last": -1}[place]] ^= mask
    path.write_bytes(data)
    said = promotions.refused(folder)
    assert name == ENVELOPE or f"'{name}' changed" in said


def tamper(folder: Path, how: str) -> None:
    weights = folder / "onnx" / "model.onnx"
    config, tokenizer = folder / "config.json", folder / "tokenizer.json"
    manifest = folder / "leanstage.json"
    match how:
        case "white space in the manifest":
            manifest.write_bytes(manifest.read_bytes() + b"\n")
        case "manifest in another layout":
            manifest.write_text(json.dumps(json.loads(manifest.read_text())))
        case "file removed":
            tokenizer.unlink()
        case "weights removed":
            weights.unlink()
        case "manifest removed":
            manifest.unlink()
        case "file added":
            (folder / "modeling.py").write_text("print()")
        case "hidden file added":
            (folder / ".hidden").touch()
        case "file added below":
            (folder / "onnx" / "more" / "deep").mkdir(parents=True)
            (folder / "onnx" / "more" / "deep" / "attestation").touch()
        case "file renamed":
            tokenizer.rename(folder / "vocabulary.json")
        case "file moved":
            weights.rename(folder / "model.onnx")
        case "file emptied":
            weights.write_bytes(b"")
        case "byte appended":
            weights.write_bytes(weights.read_bytes() + b"\0")
        case "files swapped":
            content = config.read_bytes()
            config.write_bytes(tokenizer.read_bytes())
            tokenizer.write_bytes(content)
        case "file became a folder":
            tokenizer.unlink()
            tokenizer.mkdir()
        case "file became a link to its like":
            shutil.copyfile(weights, folder.parent / "same")
            weights.unlink()
            weights.symlink_to(folder.parent / "same")
        case "folder became a link to its like":
            shutil.move(folder / "onnx", folder.parent / "same")
            (folder / "onnx").symlink_to(folder.parent / "same")
        case "file became a pipe":
            config.unlink()
            os.mkfifo(config)
        case "name in another spelling":
            (folder / "u\u0308.json").touch()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("white space in the manifest", "'leanstage.json' changed"),
        ("manifest in another layout", "'leanstage.json' changed"),
        ("file removed", "'tokenizer.json' removed"),
        ("weights removed", "'onnx/model.onnx' removed"),
        ("manifest removed", "'leanstage.json' removed"),
        ("file added", "'modeling.py' added"),
        ("hidden file added", "'.hidden' added"),
        ("file added below", "'onnx/more/deep/attestation' added"),
        ("file renamed", "'vocabulary.json' added, 'tokenizer.json' removed"),
        ("file moved", "'model.onnx' added, 'onnx/model.onnx' removed"),
        ("file emptied", "'onnx/model.onnx' changed"),
        ("byte appended", "'onnx/model.onnx' changed"),
        ("files swapped", "'config.json', 'tokenizer.json' changed"),
        ("file became a folder", "'tokenizer.json' removed"),
        ("file became a link to its like", "model.onnx is a symbolic link"),
        ("folder became a link to its like", "onnx is a symbolic link"),
        ("file became a pipe", "config.json is not a regular file"),
        ("name in another spelling", "not in Unicode normal form C"),
    ],
)
def test_tampering_is_named(how: str, said: str, folder: Path, promotions: Any) -> None:
    tamper(folder, how)
    assert said in promotions.refused(folder)


def test_a_message_names_the_first_files_and_quotes_them(folder: Path, promotions: Any) -> None:
    for number in range(5):
        (folder / f"more{number}").touch()
    (folder / "\x1b[31m\n").touch()
    said = promotions.refused(folder)
    assert r"'\x1b[31m\n', 'more0', 'more1' and 3 more added" in said


def test_what_cannot_be_read_is_refused(
    folder: Path, promotions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error", "model.onnx")

    monkeypatch.setattr("hashlib.file_digest", fail)
    assert "model.onnx cannot be read: Input/output error" in promotions.refused(folder)


@pytest.mark.parametrize(
    "how",
    ["removed", "folder removed", "renamed", "file added", "folder added", "link", "folder link",
     "folder is a file", "is a folder", "cannot be read"],
)  # fmt: skip
def test_the_attestation_is_one_file(
    how: str, folder: Path, promotions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, envelope = folder / "attestation", folder / ENVELOPE
    trust = trusted_keys()
    match how:
        case "removed":
            envelope.unlink()
        case "folder removed":
            shutil.rmtree(place)
        case "renamed":
            envelope.rename(place / "decision.json")
        case "file added":
            (place / "notes.txt").touch()
        case "folder added":
            (place / "more").mkdir()
        case "link":
            envelope.rename(folder.parent / "same")
            envelope.symlink_to(folder.parent / "same")
        case "folder link":
            place.rename(folder.parent / "same")
            place.symlink_to(folder.parent / "same")
        case "folder is a file":
            shutil.rmtree(place)
            place.write_text("{}")
        case "is a folder":
            envelope.unlink()
            envelope.mkdir()
        case "cannot be read":
            monkeypatch.setattr("os.scandir", lambda _: (_ for _ in ()).throw(OSError(13, "No")))
    with pytest.raises(VerificationError) as caught:
        verify(folder, trust, promotions.now)
    said = str(caught.value)
    assert "nobody vouches" in said or "was added to attestation/" in said or "cannot be" in said


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, promotions: Any) -> None:
    trust = Trust({})
    with pytest.raises(VerificationError, match="nobody vouches"):
        verify(tmp_path / "nowhere", trust, promotions.now)
