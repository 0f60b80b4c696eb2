"""Rows from a URI: JSON Lines, parquet or a saved ``datasets`` folder, local or remote."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from leanstage.errors import InputError
from leanstage.uris import public_uri, shown

Row = dict[str, Any]


def read_rows(uri: str) -> list[Row]:
    """Every row of a dataset as a dictionary.

    Args:
        uri: a local path or any URI that fsspec opens (``s3://``, ``gs://``, ``https://`` ...).

    Raises:
        InputError: nothing there, an unknown form, or a line that is not a JSON object.
    """
    if not uri:
        raise InputError("no dataset was given; pass a path or URI of JSON Lines or parquet.")
    where = shown(uri)
    try:
        rows = _read(uri)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{where} does not exist; give the path or URI of a dataset.") from None
    except ImportError as error:
        raise InputError(f"{where} needs a library that is not installed: {error}.") from error
    except (OSError, ValueError) as error:
        reason = public_uri(str(error).replace(uri, where))
        raise InputError(f"{where} cannot be read: {reason}.") from error
    if not rows:
        raise InputError(f"{where} holds no rows; give a dataset with at least one.")
    return rows


def _read(uri: str) -> list[Row]:
    import fsspec

    local = local_path(uri)
    if local is not None and local.is_dir():
        return _saved_dataset(local)
    if urlsplit(uri).path.endswith(".parquet"):
        import pyarrow.parquet as parquet

        with fsspec.open(uri, "rb") as stream:
            return parquet.read_table(stream).to_pylist()  # type: ignore[no-any-return]
    with fsspec.open(uri, "rt", encoding="utf-8") as stream:
        return list(_json_lines(shown(uri), stream))


def _json_lines(uri: str, lines: Iterable[str]) -> Iterable[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{uri}, line {number} is not JSON: {error}.") from error
        if not isinstance(row, dict):
            raise InputError(f"{uri}, line {number} is not a JSON object with a text and a label.")
        if "\\ud" in line.lower():
            _require_unicode(row, uri, number)
        yield row


def _require_unicode(row: Row, uri: str, number: int) -> None:
    """JSON can escape half a character, which no file in UTF-8 can hold."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{uri}, line {number} holds half of a character (a lone surrogate); repair the text."
        ) from error


def _saved_dataset(folder: Path) -> list[Row]:
    if not (folder / "dataset_info.json").is_file():
        raise InputError(
            f"{folder} is a folder but not a saved dataset; give a .jsonl or .parquet file, or a "
            "folder written by datasets' save_to_disk (one split)."
        )
    from datasets import load_from_disk

    return load_from_disk(str(folder)).to_list()  # type: ignore[no-any-return]


def local_path(uri: str) -> Path | None:
    """The path behind a local path or ``file://`` URI; None for anything remote."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(parts.path)
    if parts.scheme in {"", "."} or len(parts.scheme) == 1:
        return Path(uri)
    return None
