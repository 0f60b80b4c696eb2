"""Folders of runs on this machine: what they worked with goes, what people read stays."""

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import partial
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
        elif not alive(pid := int(match["pid"])):
            yield from _rest_item(folder, rules, busy=partial(alive, pid))


def ended_items(folders: Iterable[Path], rules: Rules) -> Iterator[Item]:
    """The same of run folders that somebody else named, and of which it says that they ended."""
    for folder in folders:
        if folder.is_dir() and not folder.is_symlink():
            yield from _rest_item(folder, rules, busy=lambda: False)


def _rest_item(folder: Path, rules: Rules, *, busy: Callable[[], bool]) -> Iterator[Item]:
    size = sum(_bytes(path) for path in _rest(folder)) if _old(folder, rules) else 0
    if not size:
        return

    def delete() -> bool:
        if busy() or not _old(folder, rules):
            return False
        for path in _rest(folder):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        return True

    reason = "the working files of a run of long ago; decision and report stay"
    yield Item("run folder", str(folder), size, reason, delete)


def _rest(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name not in PAPERS]


def _old(folder: Path, rules: Rules) -> bool:
    newest = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
    return rules.old(int(newest * 1000))


def _bytes(path: Path) -> int:
    """What deleting frees; files that other folders link to as well are counted all the same."""
    found = [path, *path.rglob("*")] if path.is_dir() and not path.is_symlink() else [path]
    return sum(entry.lstat().st_size for entry in found if not entry.is_dir())
