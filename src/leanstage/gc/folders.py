"""Folders of runs on this machine: what they worked with goes, what people read stays."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from leanstage.gc.items import Item, Kept, Rules
from leanstage.registry.runs import alive

NAME = re.compile(r"\d{8}-\d{6}-[a-z]+-(?P<pid>\d{1,7})")
PAPERS = frozenset({"outcome.json", "decision.json", "report.html", "report.md"})


def folder_items(runs: Path, rules: Rules) -> Iterator[Item | Kept]:
    """Run folders that were not touched since the limit, by the names that we give them."""
    if not runs.is_dir():
        return
    for folder in sorted(runs.iterdir()):
        match = NAME.fullmatch(folder.name)
        if match is None or folder.is_symlink() or not folder.is_dir():
            yield Kept(str(folder), "it is no run folder that leanstage named")
        elif not _idle(folder, int(match["pid"]), rules):
            continue
        elif size := sum(_bytes(path) for path in _rest(folder)):
            yield _item(folder, int(match["pid"]), size, rules)


def _item(folder: Path, pid: int, size: int, rules: Rules) -> Item:
    def delete() -> bool:
        if not _idle(folder, pid, rules):
            return False
        for path in _rest(folder):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        return True

    reason = "the working files of a run of long ago; decision and report stay"
    return Item("run folder", str(folder), size, reason, delete)


def _rest(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name not in PAPERS]


def _idle(folder: Path, pid: int, rules: Rules) -> bool:
    newest = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
    return rules.old(int(newest * 1000)) and not alive(pid)


def _bytes(path: Path) -> int:
    """What deleting frees; files that other folders link to as well are counted all the same."""
    found = [path, *path.rglob("*")] if path.is_dir() and not path.is_symlink() else [path]
    return sum(entry.lstat().st_size for entry in found if not entry.is_dir())
