"""Genuine evidence, and ways to spoil it."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel
from scipy import stats

from leanstage.contracts import (
    TECHNIQUES,
    Arm,
    Check,
    ClassFigures,
    EnergyComparison,
    Evaluation,
    Justification,
    MeterInfo,
    ModelPolicy,
    ModelVersion,
    PairedCounts,
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
from leanstage.variant.statistics import tango_interval

BASELINE = "b" * 64
DATA = "d" * 64
DIGEST: dict[Role, str] = {"optimized": "1" * 64, "fallback": "2" * 64}
NOISE = (0.004, -0.01, 0.007, -0.002, 0.001, 0.006, -0.005, -0.008, 0.003, 0.004)
LABELS = ("negative", "positive")


class Genuine:
    """Builds evidence that adds up; every argument is one figure of it."""

    policy = ModelPolicy()

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
                trials=(Trial(settings={}, fits=False, reason="", cpu_ms_per_answer=4.0),)
                if technique in tried
                else (),
                parent_digest=BASELINE,
                seconds=1.0,
            )
            for technique in TECHNIQUES
        )

    def evaluation(
        self,
        role: Role = "optimized",
        *,
        lost: int = 14,
        gained: int = 10,
        n: int = 2000,
        wrong: int | None = None,
        **changes: Any,
    ) -> Evaluation:
        """``wrong`` rows are answered wrongly by the baseline: 100 in 2,000 unless told."""
        wrong = max(gained, n // 20) if wrong is None else wrong
        counts = PairedCounts(
            both_right=n - wrong - lost,
            baseline_only=lost,
            candidate_only=gained,
            both_wrong=wrong - gained,
        )
        right, also_right = n - wrong, n - wrong - lost + gained
        half = n // 2
        first, first_too = min(right, half), min(also_right, half)
        classes = [(half, first, first_too), (n - half, right - first, also_right - first_too)]
        fields: dict[str, Any] = {
            "n": n,
            "baseline": right / n,
            "candidate": also_right / n,
            "difference": (gained - lost) / n,
            "ci95": tango_interval(counts, 0.95),
            "counts": counts,
            "agreement": (counts.both_right + counts.both_wrong) / n,
            "baseline_digest": BASELINE,
            "candidate_digest": DIGEST[role],
            "dataset_sha256": DATA,
            "classes": tuple(
                ClassFigures(
                    label=label,
                    n=rows,
                    baseline_recall=one / rows if rows else None,
                    candidate_recall=two / rows if rows else None,
                )
                for label, (rows, one, two) in zip(LABELS, classes, strict=True)
            ),
            "confusion": tuple(
                (two, rows - two) if position == 0 else (rows - two, two)
                for position, (rows, _, two) in enumerate(classes)
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
                    latency_p50_ms=3.0,
                    latency_p95_ms=p95_ms if name == "candidate" else 9.0,
                    load_seconds=0.5,
                    peak_rss_bytes=10**8,
                )
            )
        unoptimized = [arm for arm in arms if arm.name.startswith("baseline")]
        cheapest = min(unoptimized, key=lambda arm: arm.joules_per_answer).name
        fields: dict[str, Any] = {
            "meter": MeterInfo(name="rapl", tier=tier, boundary="package"),
            "workload": Workload(batch_size=8, rows=200, dataset_sha256=DATA, label="sample"),
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
        genuine = Candidate(
            role=role,
            manifest=self.manifest(DIGEST[role], parameters=500, lineage=self.lineage()),
            digest=DIGEST[role],
            evaluation=self.evaluation(role),
            energy=self.energy(role),
        )
        return replace(genuine, **changes)

    def evidence(self, *candidates: Candidate, **changes: Any) -> Evidence:
        genuine = Evidence(
            source=ModelVersion(name="reviews", version="3", created_ms=1_700_000_000_000),
            baseline=Baseline(manifest=self.manifest(BASELINE), digest=BASELINE),
            candidates=candidates or (self.candidate("optimized"), self.candidate("fallback")),
            deploy="optimized",
            run_id="run-1",
            now=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
            guarantee="Anyone who may write the policy file may decide.",
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
