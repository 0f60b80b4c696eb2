"""Standard tasks of lm-evaluation-harness, on baseline and candidate, compared row by row."""

import logging
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leanstage import progress
from leanstage.contracts import StandardScore, StandardTasks
from leanstage.errors import InputError, LeanstageError
from leanstage.variant import Variant
from leanstage.variant.hardware import device_type
from leanstage.variant.statistics import mcnemar_exact, paired_counts, tango_interval

if TYPE_CHECKING:
    from lm_eval.tasks import TaskManager

Rows = Mapping[int, float]
"""Value of a metric by the number of the row."""


def compare_on_tasks(
    baseline: Variant,
    candidate: Variant,
    tasks: Sequence[str],
    *,
    include: Path | None = None,
    limit: int | None = None,
    batch_size: int = 8,
) -> StandardTasks:
    """Ask both models the rows of every task, and compare each metric that a row has a value of.

    Tasks fetch their data from the hub unless their own YAML names files at hand.

    Args:
        include: folder with tasks of your own; code that their YAML names is run.
        limit: rows of a task at most.

    Raises:
        InputError: lm-eval is not installed, a task is unknown or its data not to be had, or a
            model does not generate.
        LeanstageError: no metric has a value for each row of both models.
    """
    manager = _manager(include)
    _require_known(tasks, manager)
    for variant in (baseline, candidate):
        if variant.manifest.task != "text-generation":
            raise InputError(
                f"{variant.path} does {variant.manifest.task}; standard tasks are for models that "
                "generate text."
            )
    started = time.monotonic()
    found = {}
    for name, variant in (("baseline", baseline), ("candidate", candidate)):
        progress.step(f"the {name} answers {', '.join(tasks)}")
        versions, found[name] = _asked(variant, tasks, manager, limit, batch_size)
    before, after = found["baseline"], found["candidate"]
    scores = [
        _score(task, versions[task], metric, before[task, metric], after[task, metric])
        for task, metric in before
        if len(before[task, metric]) >= 2
        and before[task, metric].keys() == after.get((task, metric), {}).keys()
    ]
    if not scores:
        raise LeanstageError(
            f"no metric of {', '.join(tasks)} has a value for each row of both models; choose "
            "tasks that are scored row by row."
        )
    return StandardTasks(
        harness=version("lm_eval"),
        limit=limit,
        baseline_digest=baseline.digest,
        candidate_digest=candidate.digest,
        scores=tuple(scores),
        seconds=time.monotonic() - started,
    )


def _manager(include: Path | None) -> "TaskManager":
    try:
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise InputError(
            "standard tasks need lm-evaluation-harness, which is not installed here: pip install "
            "'leanstage[harness]'."
        ) from error
    if include is not None and not include.is_dir():
        raise InputError(f"{include} is not a folder; give the folder that holds your tasks.")
    return TaskManager(include_path=None if include is None else str(include))


def _require_known(tasks: Sequence[str], manager: "TaskManager") -> None:
    unknown = sorted(set(tasks) - set(manager.all_tasks))
    if unknown or not tasks:
        raise InputError(
            f"lm-evaluation-harness {version('lm_eval')} has no task "
            f"{', '.join(unknown) or '(none was named)'}; `lm-eval ls tasks` lists those it has, "
            "and a folder of your own can bring more."
        )


def _asked(
    variant: Variant,
    tasks: Sequence[str],
    manager: "TaskManager",
    limit: int | None,
    batch_size: int,
) -> tuple[dict[str, str], dict[tuple[str, str], dict[int, float]]]:
    """Versions by task, and the value of each row by task and metric."""
    from lm_eval import simple_evaluate

    # It warns of every default of every task.
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    try:
        results: Any = simple_evaluate(
            model="hf",
            model_args={
                "pretrained": str(variant.path),
                "dtype": "auto",
                "trust_remote_code": False,
                "max_length": variant.manifest.max_length,
            },
            tasks=list(tasks),
            task_manager=manager,
            limit=limit,
            batch_size=batch_size,
            device=device_type(),
            bootstrap_iters=0,
            log_samples=True,
        )
    except (OSError, ValueError, KeyError) as error:
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"{', '.join(tasks)} cannot be asked: {first}") from error
    values: dict[tuple[str, str], dict[int, float]] = {}
    for task, samples in results["samples"].items():
        for sample in samples:
            for metric in sample["metrics"]:
                name = metric if sample["filter"] == "none" else f"{metric},{sample['filter']}"
                if isinstance(sample[metric], (bool, int, float, np.number)):
                    row = values.setdefault((task, name), {})
                    row[int(sample["doc_id"])] = float(sample[metric])
    return {task: str(results["versions"].get(task)) for task, _ in values}, values


def _score(
    task: str, task_version: str, metric: str, baseline: Rows, candidate: Rows
) -> StandardScore:
    before, after = (np.array([of[row] for row in sorted(of)]) for of in (baseline, candidate))
    figures: dict[str, Any] = {"ci95": _student(after - before)}
    if set(np.unique([before, after])) <= {0.0, 1.0}:
        counts = paired_counts(np.ones(len(before), int), before.astype(int), after.astype(int))
        figures = {
            "ci95": tango_interval(counts, 0.95),
            "counts": counts,
            "mcnemar_p": mcnemar_exact(counts),
        }
    return StandardScore(
        task=task,
        version=task_version,
        metric=metric,
        n=len(before),
        baseline=float(before.mean()),
        candidate=float(after.mean()),
        difference=float((after - before).mean()),
        **figures,
    )


def _student(differences: NDArray[np.float64]) -> tuple[float, float]:
    """95% interval of the mean of the differences."""
    from scipy.stats import sem, t

    middle, error = float(differences.mean()), float(sem(differences))
    half = float(t.ppf(0.975, len(differences) - 1)) * error
    return middle - half, middle + half
