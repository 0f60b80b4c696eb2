"""leanstage: the line as its default policy plans it, or one technique of it.

The line chooses its settings on the validation rows. Of the evaluation rows it is told the number.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from leanstage.contracts import ModelPolicy, Plan
from leanstage.distill.step import distill
from leanstage.gate import accuracy_test
from leanstage.plan import make_plan
from leanstage.prune.step import prune
from leanstage.quantize.step import quantize
from leanstage.tasks import SplitFolder, open_split, write_split
from leanstage.tasks.splits import read_labelled, read_unlabelled
from leanstage.techniques.answers import Answers, ask, load_answers
from leanstage.variant import Variant, load_predictor, open_variant
from leanstage.variant.adopt import adopt
from leanstage.variant.hardware import hardware_profile

BATCH_SIZE = 8
MINUTES = 36.0
"""For trainings, of the 40 that a row has: the rest is for forms and their answers."""
TRAINED = ("distill", "prune")


def make(option: str, source: Path, rows: Path, target: Path) -> float | None:
    """Apply ``option``, ``all`` or the name of a technique.

    Returns:
        With ``all`` the seconds that all techniques took: it goes on from what distillation alone
        left, where that is there.
    """
    student, told = target.parent / "leanstage-distill", target.parent / "answers"
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        began = time.monotonic()
        line = _Line(Path(scratch), source, rows)
        model, techniques, before = line.baseline, [option], 0.0
        if option == "all":
            techniques = ["distill", "prune", "quantize"]
            if student.is_dir() and told.is_dir():
                model = open_variant(student)
                shutil.copytree(told, line.answers_file)
                before = model.manifest.lineage[-1].seconds
                techniques.remove("distill")
        for technique in techniques:
            line.within(before + time.monotonic() - began)
            model = line.apply(technique, model)
        if option == "distill":
            shutil.rmtree(told, ignore_errors=True)
            shutil.copytree(line.answers_file, told)
        shutil.copytree(model.path, target)
        return before + time.monotonic() - began if option == "all" else None


def load(_option: str, target: Path) -> Any:
    """Through the predictor that a server of it uses."""
    # A thread that waits must not count as work of the peer that is asked meanwhile.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    predictor = load_predictor(target)
    return lambda texts: predictor.predict(texts).tolist()


class _Line:
    """One baseline with its rows, its plan, and what it says to the rows."""

    def __init__(self, scratch: Path, source: Path, rows: Path) -> None:
        self.scratch = scratch
        self.answers_file = scratch / "answers"
        self.baseline = adopt(source, scratch / "baseline")
        labels = self.baseline.manifest.labels
        self.splits: dict[str, SplitFolder] = {}
        for split in ("train", "validation", "unlabelled"):
            uri = str(rows / f"{split}.jsonl")
            examples = (
                read_unlabelled(uri)
                if split == "unlabelled"
                else read_labelled(uri, labels, split=split)  # type: ignore[arg-type]
            )
            write_split(scratch / split, examples, split=split, labels=labels)  # type: ignore[arg-type]
            self.splits[split] = open_split(scratch / split)
        policy = ModelPolicy()
        self.plan: Plan = make_plan(
            self.baseline.path,
            baseline_digest=self.baseline.digest,
            train_rows=len(self.splits["train"].texts),
            unlabelled_rows=len(self.splits["unlabelled"].texts),
            tolerance=policy.tolerance,
            hardware=hardware_profile(),
            accuracy_test=accuracy_test(policy, _rows_in(rows / "evaluation.jsonl")),
        )

    def within(self, seconds: float) -> None:
        """Let trainings end in what is left of :data:`MINUTES` after so many seconds."""
        left = {"minutes": max(MINUTES - seconds / 60, 1e-3)}
        both = {name: getattr(self.plan, name).model_copy(update=left) for name in TRAINED}
        self.plan = self.plan.model_copy(update=both)

    def apply(self, technique: str, model: Variant) -> Variant:
        """The model after one technique, which may leave it as it is."""
        rows, target = self.splits, self.scratch / technique
        if technique == "distill":
            return distill(
                model,
                train=rows["train"],
                unlabelled=rows["unlabelled"],
                validation=rows["validation"],
                plan=self.plan,
                target=target,
                answers_file=self.answers_file,
            )
        answers = self.answers(learns=technique == "prune")
        asked = {"answers": answers, "validation": rows["validation"], "plan": self.plan}
        if technique == "prune":
            return prune(model, target=target, **asked)  # type: ignore[arg-type]
        return quantize(
            model,
            train=rows["train"],
            batch_size=BATCH_SIZE,
            target=target,
            **asked,  # type: ignore[arg-type]
        )

    def answers(self, *, learns: bool) -> Answers:
        """What the baseline says: to the validation rows, and where a technique learns, to all."""
        if self.answers_file.exists():
            return load_answers(self.answers_file, self.baseline)
        if not learns:
            return ask(self.baseline, validation=self.splits["validation"])
        ask(self.baseline, **self.splits, plan=self.plan).save(self.answers_file)
        return load_answers(self.answers_file, self.baseline)


def _rows_in(path: Path) -> int:
    with path.open(encoding="utf-8") as stream:
        return sum(1 for _ in stream)
