"""Genuine evidence, and ways to spoil it."""

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import settings
from pydantic import BaseModel
from scipy import stats

from leanstage.contracts import (
    TECHNIQUES,
    Arm,
    Champion,
    Check,
    EnergyComparison,
    Evaluation,
    Flip,
    HardwareProfile,
    Justification,
    MeterInfo,
    ModelPolicy,
    ModelVersion,
    Ratio,
    Role,
    Step,
    Tier,
    Trial,
    VariantManifest,
    Window,
    Workload,
)
from leanstage.gate import (
    Baseline,
    Candidate,
    Evidence,
    RecordedJustification,
    evidence_sha256,
    write_once_params,
)
from leanstage.tasks import Predictions, Slicing, compare

EXAMPLES = {"default": 2000, "nightly": 100_000}
"""Of the main property; the others take a tenth."""
_MAIN = EXAMPLES[os.environ.get("LEANSTAGE_HYPOTHESIS", "default")]
# Never loaded, but named by the tests: a loaded profile would hold for the other tests as well.
settings.register_profile("gate", max_examples=_MAIN, deadline=None)
settings.register_profile("gate-tenth", max_examples=_MAIN // 10, deadline=None)

BASELINE = "b" * 64
CHAMPION = "c" * 64
DATA = "d" * 64
HARDWARE = HardwareProfile(
    cpu="Xeon", family=6, model=143, threads=2, memory_bytes=2**33, features=("avx512_vnni",)
)
"""What serves; everything is measured there."""
DIGEST: dict[Role, str] = {"optimized": "1" * 64, "fallback": "2" * 64}
METERS: dict[Tier, str] = {
    "measured": "rapl",
    "attributed": "kepler",
    "estimated": "cpu-time",
    "declared": "declared",
}
NOISE = (0.004, -0.01, 0.007, -0.002, 0.001, 0.006, -0.005, -0.008, 0.003, 0.004)
LABELS = ("negative", "positive")
CHANNELS = ("chat", "mail", "phone")


class Answered(NamedTuple):
    """How the models answer; a tenth of the rows is chat.

    ``wrong`` are the rows that the baseline answers wrongly, 100 in 2,000 unless told. Rows
    ``lost_in_chat`` are lost beside ``lost``, all of them from the chat. ``better`` and ``worse``
    are the rows that the champion, unlike the baseline, answers rightly and wrongly; without
    ``better`` there is no champion.
    """

    lost: int = 14
    gained: int = 10
    n: int = 2000
    wrong: int | None = None
    lost_in_chat: int = 0
    better: int | None = None
    worse: int = 0


@lru_cache(maxsize=256)
def answers(given: Answered) -> Predictions:
    """Such answers; where a figure is larger, the same rows are concerned and some more."""
    n, wrong = given.n, given.wrong
    wrong = max(given.gained, n // 20) if wrong is None else wrong
    rows = np.arange(n)
    labels = (rows // 10 % 2).astype(np.int32)
    channels = np.array([1, 1, 1, 1, 1, 1, 2, 2, 2, 0], dtype=np.int32)[rows % 10]
    order = np.random.RandomState(n).permutation(n)
    failed, right = order[:wrong], order[wrong:]
    in_chat = right[channels[right] == 0][: given.lost_in_chat]
    elsewhere = right[~np.isin(right, in_chat)]
    # From the other end, so that what champion and candidate do differently adds up.
    still_failed = failed[: max(0, wrong - (given.better or 0))]
    mistaken = {
        "baseline": failed,
        "candidate": np.concatenate([failed[given.gained :], in_chat, elsewhere[: given.lost]]),
        "champion": np.concatenate([still_failed, right[len(right) - given.worse :]]),
    }
    if given.better is None:
        del mistaken["champion"]
    columns = {
        name: np.where(np.isin(rows, where), 1 - labels, labels).astype(np.int32)
        for name, where in mistaken.items()
    }
    return Predictions(labels, slices={"channel": Slicing(CHANNELS, channels)}, **columns)


class Genuine:
    """Builds evidence that adds up; every argument is one figure of it."""

    policy = ModelPolicy()
    answered: dict[str, "Answered"]
    """What the answers behind every evaluation are, by the hash that it states of them."""

    def __init__(self) -> None:
        self.answered = {}

    def manifest(self, digest: str, *, parameters: int = 1000, **changes: Any) -> VariantManifest:
        fields: dict[str, Any] = {
            "architecture": "BertForSequenceClassification",
            "labels": LABELS,
            "runtime": "torch",
            "precision": "fp32",
            "max_length": 64,
            "parameters": parameters,
            "bytes": 4 * parameters,
            "digest": digest,
        }
        return VariantManifest(**{**fields, **changes})

    def lineage(self, *, tried: tuple[str, ...] = TECHNIQUES) -> tuple[Step, ...]:
        return tuple(
            Step(
                technique=technique,
                status="rejected",
                reason="tried on the validation split",
                trials=(Trial(settings={}, fits=False, reason="", ms_per_answer=4.0),)
                if technique in tried
                else (),
                parent_digest=BASELINE,
                seconds=1.0,
            )
            for technique in TECHNIQUES
        )

    def predictions(self, sha256: str) -> Predictions:
        """The answers to which an evaluation with this ``predictions_sha256`` belongs."""
        return answers(self.answered[sha256])

    def evaluation(self, role: Role = "optimized", **changes: Any) -> Evaluation:
        """What follows from answers with the figures among ``changes``, and its other fields."""
        figures = {name: changes.pop(name) for name in Answered._fields if name in changes}
        answered = Answered(**figures)
        key = hashlib.sha256(repr(answered).encode()).hexdigest()
        self.answered[key] = answered
        predictions = answers(answered)
        champion = None if predictions.champion is None else CHAMPION
        rows = np.flatnonzero(predictions.baseline != predictions.candidate)[:5]
        fields: dict[str, Any] = {
            **compare(predictions, LABELS, champion_digest=champion).figures(),
            "baseline_digest": BASELINE,
            "candidate_digest": DIGEST[role],
            "dataset_sha256": DATA,
            "predictions_sha256": key,
            "flips": tuple(
                Flip(
                    row=row,
                    text="some text",
                    label=LABELS[predictions.labels[row]],
                    baseline=LABELS[predictions.baseline[row]],
                    candidate=LABELS[predictions.candidate[row]],
                )
                for row in rows.tolist()
            ),
            "seconds": 1.0,
        }
        return Evaluation(**{**fields, **changes})

    def energy(
        self,
        role: Role = "optimized",
        *,
        ratio: float = 0.3,
        spread: float = 1.0,
        reference: float = 0.8,
        blocks: int = 10,
        tier: Tier = "measured",
        p50_ms: float = 3.0,
        p95_ms: float = 6.0,
        **changes: Any,
    ) -> EnergyComparison:
        """``ratio`` is against the strongest form, that form at ``reference`` of the baseline."""
        levels = {
            "baseline": (2.0, 0.3),
            "baseline-onnxruntime-fp32": (2.0 * reference, -0.2),
            "candidate": (2.0 * reference * ratio, 1.0),
            "control": (2.0 * reference * ratio, -0.4),
        }
        windows = [
            Window(
                arm=name,
                block=block,
                answers=40,
                asked=40,
                wall_seconds=1.0,
                cpu_seconds=0.9,
                joules=40 * level * math.exp(spread * weight * NOISE[block % len(NOISE)]),
            )
            for block in range(blocks)
            for name, (level, weight) in levels.items()
        ]
        arms = []
        for name in levels:
            joules = sum(w.joules for w in windows if w.arm == name) / (40 * blocks)
            p95 = p95_ms if name == "candidate" else 9.0
            arms.append(
                Arm(
                    name=name,
                    runtime="onnxruntime",
                    precision="fp32",
                    digest={
                        "baseline": BASELINE,
                        "candidate": DIGEST[role],
                        "control": DIGEST[role],
                    }.get(name),
                    joules_per_answer=joules,
                    wh_per_1000=joules / 3.6,
                    cpu_ms_per_answer=22.5,
                    latency_p50_ms=p50_ms,
                    latency_p95_ms=p95,
                    latencies_ms=(p50_ms,) * 19 + (p95,) * 2,
                    idle_share=0.001,
                    load_seconds=0.5,
                    peak_rss_bytes=10**8,
                )
            )
        unoptimized = [arm for arm in arms if arm.name.startswith("baseline")]
        cheapest = min(unoptimized, key=lambda arm: arm.joules_per_answer).name
        fields: dict[str, Any] = {
            "meter": MeterInfo(name=METERS[tier], tier=tier, boundary="package"),
            "workload": Workload(batch_size=8, rows=200, dataset_sha256=DATA, label="sample"),
            "node": HARDWARE,
            "environment": {"cpu": "test"},
            "arms": tuple(arms),
            "windows": tuple(windows),
            "registered": self.ratio(windows, "candidate", "baseline"),
            "strongest": self.ratio(windows, "candidate", cheapest),
            "control": self.ratio(windows, "control", "candidate"),
            "checks": (Check(name="control", passed=True, detail="A/A ratio 1.000."),),
            "baseline_digest": BASELINE,
            "candidate_digest": DIGEST[role],
            "seconds": 60.0,
        }
        return EnergyComparison(**{**fields, **changes})

    def ratio(self, windows: list[Window], arm: str, against: str) -> Ratio:
        per_arm = {
            name: {w.block: w.joules / w.answers for w in windows if w.arm == name}
            for name in (arm, against)
        }
        logs = [math.log(per_arm[arm][block] / per_arm[against][block]) for block in per_arm[arm]]
        mean, error = math.fsum(logs) / len(logs), float(stats.sem(logs))
        half = float(stats.t.ppf(0.975, len(logs) - 1)) * error
        interval = (math.exp(mean - half), math.exp(mean + half))
        return Ratio(
            arm=arm, against=against, ratio=math.exp(mean), ci95=interval, blocks=len(logs)
        )

    def candidate(self, role: Role = "optimized", **changes: Any) -> Candidate:
        """Where an evaluation is among the changes, the answers are those it was made from."""
        evaluation = changes.get("evaluation") or self.evaluation(role)
        genuine = Candidate(
            role=role,
            manifest=self.manifest(DIGEST[role], parameters=500, lineage=self.lineage()),
            digest=DIGEST[role],
            evaluation=evaluation,
            energy=self.energy(role),
            predictions=self.predictions(evaluation.predictions_sha256),
        )
        return replace(genuine, **changes)

    def champion(self, digest: str = CHAMPION) -> Champion:
        version = ModelVersion(name="reviews", version="2", created_ms=1_690_000_000_000)
        return Champion(version=version, digest=digest)

    def evidence(self, *candidates: Candidate, **changes: Any) -> Evidence:
        genuine = Evidence(
            source=ModelVersion(name="reviews", version="3", created_ms=1_700_000_000_000),
            baseline=Baseline(manifest=self.manifest(BASELINE), digest=BASELINE),
            candidates=candidates or (self.candidate("optimized"), self.candidate("fallback")),
            champion=None,
            deploy="optimized",
            hardware=HARDWARE,
            run_id="run-1",
            now=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
            guarantee="Anyone who may write the policy file may decide.",
            untrusted=None,
        )
        return replace(genuine, **changes)

    def lossy(self, role: Role, **changes: Any) -> Candidate:
        """A candidate that loses two points of accuracy."""
        return self.candidate(role, evaluation=self.evaluation(role, lost=50), **changes)

    def justification(
        self, evidence: Evidence, policy: ModelPolicy | None = None, **changes: Any
    ) -> Justification:
        fields: dict[str, Any] = {
            "grounds": "accuracy",
            "reason": "Support tickets are routed by this model; we cannot lose 2.0 points.",
            "author": "A. Approver",
            "decision_run_id": evidence.run_id,
            "source": evidence.source,
            "baseline_digest": BASELINE,
            "evidence_sha256": evidence_sha256(evidence),
            "policy_sha256": (policy or self.policy).sha256(),
            "created": "2026-11-23T11:00:00+00:00",
            "expires": "2027-02-28",
        }
        return Justification(**{**fields, **changes})

    def recorded(self, justification: Justification, **changes: Any) -> RecordedJustification:
        genuine = RecordedJustification(
            justification=justification,
            run_id="approval-1",
            experiment="leanstage-approvals",
            experiment_id="7",
            finished=True,
            params=write_once_params(justification),
        )
        return replace(genuine, **changes)

    def justified(
        self, evidence: Evidence, policy: ModelPolicy | None = None, **changes: Any
    ) -> RecordedJustification:
        """A genuine justification as MLflow holds it; ``changes`` are of the document."""
        return self.recorded(self.justification(evidence, policy, **changes))


class Spoiled:
    """Puts into documents what validation would refuse."""

    def put(self, document: Any, path: tuple[str | int, ...], value: Any) -> Any:
        """A copy of ``document`` with ``value`` at ``path``, without any validation."""
        if not path:
            return value
        step, rest = path[0], path[1:]
        if isinstance(document, BaseModel):
            fields = dict(document.__dict__)
            fields[str(step)] = self.put(fields[str(step)], rest, value)
            return type(document).model_construct(**fields)
        assert isinstance(step, int)
        return (
            *document[:step],
            self.put(document[step], rest, value),
            *document[step + 1 :],
        )

    def numbers(
        self, document: Any, path: tuple[str | int, ...] = ()
    ) -> Iterator[tuple[str | int, ...]]:
        """Paths of all numbers in a document."""
        if isinstance(document, BaseModel):
            for name in type(document).model_fields:
                yield from self.numbers(getattr(document, name), (*path, name))
        elif isinstance(document, tuple):
            for position, value in enumerate(document):
                yield from self.numbers(value, (*path, position))
        elif isinstance(document, int | float) and not isinstance(document, bool):
            yield path


@pytest.fixture(scope="session")
def genuine() -> Genuine:
    """Builds genuine evidence."""
    return Genuine()


@pytest.fixture(scope="session")
def spoiled() -> Spoiled:
    """Spoils documents."""
    return Spoiled()
