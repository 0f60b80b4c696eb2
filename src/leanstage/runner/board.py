"""The tasks of a run on a cluster, in the terminal: what runs, and a line for each that ended."""

from collections.abc import Iterable

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from leanstage.runner.submit import ENDED, Task

MARKS = {"SUCCEEDED": ("✓", "green"), "FAILED": ("✗", "red")}


class TaskBoard:
    """Use it as a context; a task's line stays when the task has ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<28}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._running: dict[str, TaskID] = {}
        self._ended: set[str] = set()

    def __enter__(self) -> "TaskBoard":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, tasks: Iterable[Task]) -> None:
        """Show what changed since the last time."""
        for task in tasks:
            if task.name in self._ended:
                continue
            if task.state in ENDED:
                self._end(task)
            elif task.state == "RUNNING" and task.name not in self._running:
                self._running[task.name] = self._progress.add_task(task.name, total=None)
                if not self._console.is_terminal:
                    self._console.print(Text(f"  …  {task.name}"))

    def _end(self, task: Task) -> None:
        self._ended.add(task.name)
        running = self._running.pop(task.name, None)
        if running is not None:
            self._progress.remove_task(running)
        mark = MARKS.get(task.state, ("–", ""))  # noqa: RUF001
        line = Text.assemble("  ", mark, f"  {task.name:<28} {task.seconds:6.1f} s")
        self._console.print(line)
