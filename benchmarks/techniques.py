"""What the techniques cost and keep: MiniLM-L6 on Rotten Tomatoes, each alone and composed.

Run by hand: ``.venv/bin/python benchmarks/techniques.py [--only STAGE] [--seeds N]``; it takes an
hour on two quiet processors. Every figure goes into ``benchmarks/results/techniques.json`` as soon
as it is there, and a run that was stopped goes on from it. Stages, in order:

- ``training``: processor time of the line as its plan has it, and of fine-tuning the baseline.
- ``lines``: the lines of :data:`LINES` for every seed, answering all evaluation rows.
- ``costs``: processor time per answer, all of them in turn.

``benchmarks/techniques_page.py`` draws the picture and writes the tables in ``docs/techniques.md``.
"""

import argparse
import json
import os
import statistics
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from leanstage.contracts import Plan, QuantizeSettings
from leanstage.demo import baseline as demo
from leanstage.demo.data import LABELS, pretrained_model, reviews
from leanstage.distill.step import distill
from leanstage.plan import make_plan
from leanstage.prune.step import prune
from leanstage.quantize.step import quantize
from leanstage.tasks import SplitFolder, open_split, write_split
from leanstage.tasks.figures import validation_figures
from leanstage.techniques.answers import Answers, ask, load_answers
from leanstage.techniques.cost import costs_by_turn
from leanstage.variant import Variant, load_predictor, open_variant, predict_all
from leanstage.variant.adopt import adopt
from leanstage.variant.forms import unoptimized_forms
from leanstage.variant.hardware import hardware_profile

RESULTS = Path(__file__).parent / "results" / "techniques.json"
STAGES = ("training", "lines", "costs")
TOLERANCE = 0.01
BATCH_SIZE = 8
SPLITS = ("train", "unlabelled", "validation", "evaluation")


@dataclass(frozen=True)
class Line:
    """What is done to the baseline, in this order; nothing is searched."""

    name: str
    depth: float | None = None
    """Share of the layers that the student keeps."""
    ratio: float | None = None
    """Share of the feed-forward width to remove."""
    quantized: bool = False


LINES = (
    Line("quantize", quantized=True),
    Line("distill, 4 layers", depth=0.67),
    Line("prune, half", ratio=0.5),
    Line("distill, 4 layers; prune, half", depth=0.67, ratio=0.5),
    Line("distill, 4 layers; quantize", depth=0.67, quantized=True),
    Line("prune, half; quantize", ratio=0.5, quantized=True),
    Line("distill, 4 layers; prune, half; quantize", depth=0.67, ratio=0.5, quantized=True),
    Line("distill, 5 layers", depth=0.84),
    Line("distill, 5 layers; prune, half", depth=0.84, ratio=0.5),
    Line("distill, 5 layers; prune, half; quantize", depth=0.84, ratio=0.5, quantized=True),
)


def main() -> None:
    """Run the stages that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=STAGES, help="this stage alone")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path(".leanstage/benchmark-techniques"))
    options = parser.parse_args()
    bench = Bench(options.work)
    for stage in STAGES if options.only is None else (options.only,):
        {"training": bench.training, "lines": bench.lines, "costs": bench.costs}[stage](
            options.seeds
        )


class Bench:
    """The baseline, its rows, and the folder in which models are kept between runs."""

    def __init__(self, work: Path) -> None:
        self.work = work.resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self.figures: dict[str, Any] = {"rows": []}
        if RESULTS.is_file():
            self.figures = json.loads(RESULTS.read_text(encoding="utf-8"))
        rows = reviews()
        for name in SPLITS:
            if not (self.work / name).is_dir():
                write_split(self.work / name, getattr(rows, name), split=name, labels=LABELS)  # type: ignore[arg-type]
        self.splits: dict[str, SplitFolder] = {n: open_split(self.work / n) for n in SPLITS}
        if not (self.work / "baseline").is_dir():
            began = processor_seconds()
            demo.fine_tune(pretrained_model(), rows.train, self.work / "checkpoint")
            self.figures["fine_tuning"] = {
                "processor_seconds": processor_seconds() - began,
                "rows": len(rows.train),
                "epochs": demo.EPOCHS,
            }
            adopt(self.work / "checkpoint", self.work / "baseline")
            self.save()
        self.baseline = open_variant(self.work / "baseline")
        self.plan = make_plan(
            self.baseline.path,
            baseline_digest=self.baseline.digest,
            train_rows=len(rows.train),
            unlabelled_rows=len(rows.unlabelled),
            tolerance=TOLERANCE,
            hardware=hardware_profile(),
        )

    def save(self) -> None:
        """Write the figures, whole or not at all."""
        draft = RESULTS.with_suffix(".draft")
        draft.write_text(json.dumps(self.figures, indent=1) + "\n", encoding="utf-8")
        draft.replace(RESULTS)

    def training(self, _seeds: int) -> None:
        """The line as its plan has it, searches included: processor time by technique."""
        spent: dict[str, float] = {}
        model, folder = self.baseline, self.work / "planned"
        for name in ("distill", "prune", "quantize"):
            began = processor_seconds()
            model = self.apply(name, model, self.plan, folder, seed=0)
            spent[name] = processor_seconds() - began
        self.figures["training"] = {
            "processor_seconds": spent,
            "of_fine_tuning": sum(spent.values())
            / self.figures["fine_tuning"]["processor_seconds"],
            "steps": [
                step.model_dump(mode="json", include={"technique", "status", "reason", "settings"})
                | {"trials": len(step.trials)}
                for step in model.manifest.lineage
            ],
        }
        self.save()

    def lines(self, seeds: int) -> None:
        """Every line for every seed, a row of figures each."""
        known = {(row["line"], row["seed"]) for row in self.figures["rows"]}
        for line, seed in product(LINES, range(seeds)):
            if (line.name, seed) not in known:
                self.figures["rows"].append(self.row(line, seed))
                self.save()

    def costs(self, _seeds: int) -> None:
        """Processor time per answer: lines that have answered, forms of the baseline, in turn."""
        variants = {"baseline": self.baseline}
        forms = unoptimized_forms(self.baseline, self.work / "forms")
        variants |= {name.removeprefix("baseline-"): form for name, form in forms.items()}
        answered = {row["line"] for row in self.figures["rows"]}
        variants |= {line.name: self.made(line, 0) for line in LINES if line.name in answered}
        predictors = {name: load_predictor(variant.path) for name, variant in variants.items()}
        texts = self.splits["validation"].texts
        turns = costs_by_turn(predictors, texts, batch_size=BATCH_SIZE)
        base = turns["baseline"]
        self.figures["costs"] = {
            name: {
                "cpu_ms_per_answer": statistics.median(found) * 1e3,
                "of_baseline": statistics.median(
                    cost / other for cost, other in zip(found, base, strict=True)
                ),
                "parameters": variants[name].manifest.parameters,
                "bytes": variants[name].manifest.bytes,
            }
            for name, found in turns.items()
        }
        self.save()

    def row(self, line: Line, seed: int) -> dict[str, Any]:
        """A line's model beside the baseline on validation and evaluation rows."""
        variant = self.made(line, seed)
        figures = {name: self.compared(variant, name) for name in ("validation", "evaluation")}
        return {
            "line": line.name,
            "seed": seed,
            **asdict(line),
            "form": f"{variant.manifest.runtime}-{variant.manifest.precision}",
            "parameters": variant.manifest.parameters,
            "bytes": variant.manifest.bytes,
            **figures,
        }

    def compared(self, variant: Variant, split: str) -> dict[str, Any]:
        """Paired figures, and which rows the variant lost and gained against the baseline."""
        rows = self.splits[split]
        given = self.probabilities(variant, split)
        expected = self.probabilities(self.baseline, split)
        labels = np.asarray(rows.labels)
        right, was = given.argmax(axis=1) == labels, expected.argmax(axis=1) == labels
        return {
            **validation_figures(given, expected, rows.labels).model_dump(mode="json"),
            "lost": np.flatnonzero(was & ~right).tolist(),
            "gained": np.flatnonzero(right & ~was).tolist(),
        }

    def probabilities(self, variant: Variant, split: str) -> Any:
        """A variant's answers, loaded from disk as it would serve; given once, then read."""
        path = self.work / "answers" / f"{variant.digest[:16]}-{split}.npy"
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            texts = self.splits[split].texts
            given = predict_all(load_predictor(variant.path), texts, batch_size=BATCH_SIZE)
            np.save(path, given, allow_pickle=False)
        return np.load(path, allow_pickle=False)

    def made(self, line: Line, seed: int) -> Variant:
        """The line's model, made by the library; what an earlier line made serves again."""
        model, folder = self.baseline, self.work / f"seed-{seed}"
        for technique, setting in (
            ("distill", line.depth),
            ("prune", line.ratio),
            ("quantize", line.quantized or None),
        ):
            if setting is not None:
                folder = folder / f"{technique}-{setting}"
                target = folder / technique
                plan = self.fixed(line)
                model = (
                    open_variant(target)
                    if target.is_dir()
                    else self.apply(technique, model, plan, folder, seed=seed)
                )
                status = model.manifest.lineage[-1].status
                if status != "applied":
                    raise SystemExit(f"{line.name}: {technique} was {status}")
        return model

    def fixed(self, line: Line) -> Plan:
        """The plan with one setting for what the line does, which a tolerance of 1 lets pass.

        What it leaves out stays as planned, so that the teacher's answers serve every line.
        """
        distill, prune = self.plan.distill, self.plan.prune
        if line.depth is not None:
            distill = distill.model_copy(update={"depths": (line.depth,)})
        if line.ratio is not None:
            prune = prune.model_copy(update={"ratios": (line.ratio,)})
        int8 = QuantizeSettings(backends=("onnxruntime-int8",))
        return self.plan.model_copy(
            update={"tolerance": 1.0, "distill": distill, "prune": prune, "quantize": int8}
        )

    def apply(self, name: str, model: Variant, plan: Plan, folder: Path, *, seed: int) -> Variant:
        """One technique of the library on one model."""
        folder.mkdir(parents=True, exist_ok=True)
        rows, target = self.splits, folder / name
        train, validation = rows["train"], rows["validation"]
        if name == "distill":
            return distill(
                model,
                train=train,
                unlabelled=rows["unlabelled"],
                validation=validation,
                plan=plan,
                target=target,
                answers_file=self.work / "answers-of-baseline",
                seed=seed,
            )
        answers = self.answers()
        if name == "prune":
            return prune(
                model, answers=answers, validation=validation, plan=plan, target=target, seed=seed
            )
        return quantize(
            model,
            answers=answers,
            validation=validation,
            train=train,
            plan=plan,
            batch_size=BATCH_SIZE,
            target=target,
        )

    def answers(self) -> Answers:
        """What the baseline says to every row, for techniques that do not ask it themselves."""
        path = self.work / "answers-of-baseline"
        if not path.exists():
            rows = self.splits
            asked = {name: rows[name] for name in ("train", "unlabelled", "validation")}
            ask(self.baseline, **asked, plan=self.plan).save(path)
        return load_answers(path, self.baseline)


def processor_seconds() -> float:
    """Of this process and those it has waited for, all threads."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
