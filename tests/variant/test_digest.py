"""The content digest: fixed for what was written, and different for anything else."""

import json
import os
import socket
import unicodedata
from pathlib import Path

import pytest

from leanstage.contracts import VariantManifest
from leanstage.contracts.strict import strict_json
from leanstage.errors import InputError
from leanstage.variant import MANIFEST, content_digest, file_sha256, open_variant, seal
from leanstage.variant.digest import digest_of, file_entries, manifest_fields, regular_files
from leanstage.variant.folder import with_lineage

FIXED = "c4b09f43ae3fd573f511c95a212412e0fb9ae83c4bfa9cceb84650dbd1a79b86"
"""Of the folder below, as the first release computed it."""

WRITTEN = """{
  "schema_version": 1,
  "task": "text-classification",
  "architecture": "bert",
  "labels": [
    "negative",
    "positive"
  ],
  "runtime": "onnxruntime",
  "precision": "int8",
  "max_length": 64,
  "parameters": 1000,
  "bytes": 2092,
  "lineage": [
    {
      "technique": "quantize",
      "status": "applied",
      "reason": "saves 61.5%, à peu près within the budget",
      "settings": {
        "backend": "onnxruntime-int8",
        "share": 0.1,
        "tiny": 1e-7,
        "whole": 2.0,
        "n": null
      },
      "trials": [
        {
          "settings": {
            "bits": 8
          },
          "fits": true,
          "reason": "ü",
          "validation": null,
          "cpu_ms_per_answer": 1e+16,
          "parameters": null,
          "bytes": null
        }
      ],
      "parent_digest": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "seconds": 0.30000000000000004
    }
  ],
  "digest": "c4b09f43ae3fd573f511c95a212412e0fb9ae83c4bfa9cceb84650dbd1a79b86"
}
"""
"""The manifest as the first release wrote it."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A variant of a few files, as the first release wrote it."""
    root = tmp_path / "variant"
    (root / "onnx").mkdir(parents=True)
    (root / "onnx" / "model.onnx").write_bytes(bytes(range(256)) * 8)
    (root / "config.json").write_text('{"model_type": "bert"}\n')
    (root / "tokenizer.json").write_text('{"näme": "wörter"}\n', encoding="utf-8")
    (root / "empty").touch()
    (root / MANIFEST).write_text(WRITTEN, encoding="utf-8")
    return root


def digest(root: Path) -> str:
    return content_digest(root, VariantManifest.load(root / MANIFEST))


def rewrite(root: Path, **changes: object) -> None:
    """The manifest with other fields, laid out in another way."""
    fields = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
    (root / MANIFEST).write_text(json.dumps(fields | changes), encoding="utf-8")


def test_the_digest_of_a_written_variant_never_changes(folder: Path) -> None:
    assert digest(folder) == FIXED
    assert open_variant(folder).digest == FIXED


def test_sealing_and_reading_give_the_same_digest(folder: Path) -> None:
    parts = VariantManifest.load(folder / MANIFEST)
    (folder / MANIFEST).unlink()
    sealed = seal(
        folder,
        architecture=parts.architecture,
        labels=parts.labels,
        runtime=parts.runtime,
        precision=parts.precision,
        max_length=parts.max_length,
        parameters=parts.parameters,
        lineage=parts.lineage,
    )
    assert sealed.digest == digest(folder) == open_variant(folder).digest


def test_a_field_that_an_older_release_did_not_write_leaves_the_digest(folder: Path) -> None:
    fields = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    del fields["task"]
    (folder / MANIFEST).write_text(json.dumps(fields), encoding="utf-8")
    older = digest(folder)
    assert older != FIXED
    rewrite(folder, digest=older)
    assert open_variant(folder).digest == older


def test_the_layout_of_the_manifest_does_not_count_its_fields_do(folder: Path) -> None:
    rewrite(folder)
    assert digest(folder) == FIXED
    rewrite(folder, max_length=65)
    assert digest(folder) != FIXED


def test_the_attestation_alone_does_not_count(folder: Path) -> None:
    (folder / "attestation").mkdir()
    (folder / "attestation" / "decision.dsse.json").write_text("{}")
    assert digest(folder) == FIXED
    (folder / "onnx" / "attestation").mkdir()
    assert digest(folder) == FIXED
    (folder / "onnx" / "attestation" / "more.json").write_text("{}")
    assert digest(folder) != FIXED


def test_the_model_card_does_not_count_and_is_an_entry_only_where_asked(folder: Path) -> None:
    before = file_entries(folder)
    (folder / "README.md").write_text("# A card")
    assert digest(folder) == FIXED
    assert open_variant(folder).digest == FIXED
    assert file_entries(folder) == before
    with_card = file_entries(folder, card=True)
    assert [entry.path for entry in with_card if entry not in before] == ["README.md"]
    assert digest_of(with_card, manifest_fields(folder)) == FIXED
    (folder / "onnx" / "README.md").write_text("# Not at the top")
    assert digest(folder) != FIXED


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_only_a_regular_file_is_a_model_card(folder: Path, kind: str) -> None:
    card = folder / "README.md"
    if kind == "link":
        card.symlink_to(folder / "config.json")
    else:
        card.mkdir()
    wrong = {"folder": "is a folder; that is the place of the model card", "link": "is a symbolic"}
    with pytest.raises(InputError, match=rf"README\.md {wrong[kind]}"):
        digest(folder)


def test_a_child_does_not_inherit_the_card(folder: Path, tmp_path: Path) -> None:
    (folder / "README.md").write_text("# Of the parent")
    child = with_lineage(open_variant(folder), tmp_path / "child", ())
    assert not (child.path / "README.md").exists()


@pytest.mark.parametrize("name", ["config.json", "onnx/model.onnx", "empty", "onnx/.hidden"])
def test_any_other_byte_or_file_counts(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes() + b" " if path.exists() else b"")
    assert digest(folder) != FIXED


def test_entries_are_of_the_raw_files_in_order(folder: Path) -> None:
    entries = file_entries(folder)
    assert [entry.path for entry in entries] == [
        "config.json",
        "empty",
        "leanstage.json",
        "onnx/model.onnx",
        "tokenizer.json",
    ]
    for entry in entries:
        assert entry.size == (folder / entry.path).stat().st_size
        assert entry.sha256 == file_sha256(folder / entry.path)
    assert file_entries(folder / "onnx")[0].path == "model.onnx"


def test_names_are_sorted_by_their_bytes(tmp_path: Path) -> None:
    # "/" sorts after "-" and before "0"; in UTF-16 the last two would change places.
    names = ["a-b", "a/b", "a0", "\uff21", "\U0001d400"]
    for name in reversed(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [relative for relative, _ in regular_files(tmp_path)] == names


def test_an_empty_folder_has_no_entries(tmp_path: Path) -> None:
    assert file_entries(tmp_path) == []


@pytest.mark.parametrize("kind", ["file link", "folder link", "broken link", "pipe", "socket"])
def test_what_is_no_regular_file_is_refused(folder: Path, kind: str) -> None:
    path = folder / "onnx" / "odd"
    match kind:
        case "file link":
            path.symlink_to(folder / "config.json")
        case "folder link":
            path.symlink_to(folder.parent)
        case "broken link":
            path.symlink_to("nowhere")
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(path))
    with pytest.raises(InputError, match=r"odd is (a symbolic link|not a regular file)"):
        digest(folder)


def test_a_name_with_two_spellings_is_refused(folder: Path) -> None:
    (folder / unicodedata.normalize("NFD", "wörter")).touch()
    with pytest.raises(InputError, match="normal form C"):
        digest(folder)


def test_a_name_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / os.fsdecode(b"\xff.json")).touch()
    with pytest.raises(InputError, match="not UTF-8"):
        digest(folder)


def test_a_folder_that_cannot_be_read_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "onnx":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(InputError, match=r"onnx cannot be read: Permission denied"):
        digest(folder)


@pytest.mark.parametrize(
    "text",
    [
        b'{"task": "a", "task": "b"}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        rb'{"a": "\ud800"}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b"[" * 100_000,
        b"",
        b"{",
    ],
)
def test_only_strict_json_has_a_canonical_form(folder: Path, text: bytes) -> None:
    manifest = VariantManifest.load(folder / MANIFEST)
    with pytest.raises(ValueError, match=r"."):
        strict_json(text)
    (folder / MANIFEST).write_bytes(text)
    with pytest.raises(InputError, match=r"leanstage\.json cannot be read as a manifest"):
        content_digest(folder, manifest)


def test_a_manifest_is_an_object(folder: Path) -> None:
    manifest = VariantManifest.load(folder / MANIFEST)
    (folder / MANIFEST).write_text("[]")
    with pytest.raises(InputError, match="holds no JSON object"):
        content_digest(folder, manifest)
