"""A sample report: a support-ticket classifier, its two candidates and three verdicts."""

import hashlib
from collections.abc import Callable

import pytest

from leanstage.accounts import load_factors
from leanstage.contracts import (
    Answer,
    Approver,
    Arm,
    Champion,
    ChampionComparison,
    Check,
    ClassFigures,
    Decision,
    DistillSettings,
    Drift,
    EnergyComparison,
    Evaluation,
    Flip,
    HardwareProfile,
    Judgement,
    JustificationUse,
    Load,
    MacroF1,
    MeterInfo,
    ModelPolicy,
    ModelVersion,
    PairedCounts,
    Plan,
    Precision,
    ProductionCheck,
    PruneSettings,
    QuantizeSettings,
    Ratio,
    Reason,
    Runtime,
    SliceCounts,
    SliceJudgement,
    Step,
    Trial,
    ValidationFigures,
    VariantManifest,
    Verdict,
    Window,
    Workload,
)
from leanstage.report import CandidateRecord, ReportInputs
from leanstage.variant.statistics import mcnemar_exact, tango_upper_drop
from leanstage.variant.statistics_sample import auc_interval, wilson_interval
from leanstage.variant.statistics_slices import harm_p_value, holm

LABELS = ("billing", "cancellation", "delivery", "refund", "technical", "other")
COMMAND = "leanstage justify --decision 4f1c9a7e --grounds accuracy --reason '...'"
MakeInputs = Callable[[Verdict], ReportInputs]


def sha(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def manifest(
    name: str, runtime: Runtime, precision: Precision, parameters: int, size: int, *steps: Step
) -> VariantManifest:
    return VariantManifest(
        architecture="BertForSequenceClassification",
        labels=LABELS,
        runtime=runtime,
        precision=precision,
        max_length=128,
        parameters=parameters,
        bytes=size,
        lineage=steps,
        digest=sha(name),
    )


HARDWARE = HardwareProfile(
    cpu="Intel Xeon (Ice Lake)",
    family=6,
    model=106,
    threads=2,
    memory_bytes=16_000_000_000,
    features=("avx2", "avx512_vnni"),
)
BASELINE = manifest("baseline", "torch", "fp32", 109_486_854, 438_012_716)
CHAMPION = Champion(
    version=ModelVersion(name="support-intents", version="5", created_ms=1_788_000_000_000),
    digest=sha("champion"),
)


def validation(accuracy: float, drop: float) -> ValidationFigures:
    return ValidationFigures(
        n=2002,
        accuracy=accuracy,
        reference_accuracy=0.9441,
        accuracy_drop=0.9441 - accuracy,
        probability_drop=drop,
        probability_drop_se=0.0011,
    )


def distilled() -> Step:
    trials = (
        Trial(
            settings={"depth": 0.25, "layers": [0, 5, 11]},
            fits=False,
            reason="The true class loses 1.62 points of probability; 0.50 are allowed.",
            validation=validation(0.9216, 0.0162),
            ms_per_answer=3.1,
            parameters=45_692_166,
            bytes=182_802_113,
        ),
        Trial(
            settings={"depth": 0.5, "layers": [0, 2, 4, 7, 9, 11]},
            fits=True,
            reason="Within half the tolerance.",
            validation=validation(0.9416, 0.0021),
            ms_per_answer=5.9,
            parameters=66_958_086,
            bytes=267_870_215,
        ),
    )
    return Step(
        technique="distill",
        status="applied",
        reason="Half the layers keep the accuracy: 6 of 12 remain.",
        settings=trials[1].settings,
        trials=trials,
        input_ms_per_answer=11.4,
        parent_digest=sha("baseline"),
        seconds=1284.2,
    )


def pruned() -> Step:
    return Step(
        technique="prune",
        status="rejected",
        reason="No share of the feed-forward width could go without losing too much accuracy.",
        trials=(
            Trial(
                settings={"ratio": 0.5},
                fits=False,
                reason="The true class loses 1.10 points of probability; 1.00 are allowed.",
                validation=validation(0.9291, 0.0110),
                ms_per_answer=4.9,
                parameters=52_785_990,
            ),
            Trial(settings={"ratio": 0.33}, fits=False, reason="Training did not converge."),
        ),
        input_ms_per_answer=5.9,
        parent_digest=sha("distilled"),
        seconds=912.0,
    )


def quantized(parent: str, seconds: float) -> Step:
    return Step(
        technique="quantize",
        status="applied",
        reason="onnxruntime int8 takes 71% less CPU time than its input.",
        settings={"backend": "onnxruntime-int8"},
        trials=(
            Trial(
                settings={"backend": "onnxruntime-int8"},
                fits=True,
                reason="Cheapest that fits.",
                validation=validation(0.9406, 0.0029),
                ms_per_answer=1.7,
                bytes=68_120_442,
            ),
            Trial(
                settings={"backend": "bitsandbytes-int8"},
                fits=False,
                reason="Slower than its input on this processor.",
                ms_per_answer=21.4,
            ),
        ),
        input_ms_per_answer=5.9 if parent == "distilled" else 11.4,
        parent_digest=sha(parent),
        seconds=seconds,
    )


# Column and value of every slice with its rows and how many the baseline gets right; then, for the
# candidates, how many of these each loses and how many others it wins.
SLICES = (
    ("label", "billing", 701, 672),
    ("label", "cancellation", 412, 386),
    ("label", "delivery", 655, 622),
    ("label", "refund", 388, 353),
    ("label", "technical", 924, 868),
    ("language", "da", 64, 59),
    ("language", "de", 412, 386),
    ("language", "en", 2310, 2181),
    ("language", "fi", 88, 82),
    ("language", "nb", 46, 43),
    ("language", "sv", 160, 150),
)
Moves = tuple[tuple[int, int], ...]
KEPT: Moves = (
    *((5, 4), (3, 4), (5, 3), (9, 3), (7, 4)),
    *((1, 0), (5, 4), (18, 12), (2, 1), (0, 0), (3, 1)),
)
HARMED: Moves = (
    *((6, 4), (4, 4), (7, 3), (19, 3), (11, 4)),
    *((1, 1), (5, 2), (16, 14), (2, 1), (1, 0), (22, 0)),
)
FALLBACK: Moves = (
    *((3, 3), (2, 2), (3, 2), (4, 3), (4, 3)),
    *((0, 0), (2, 2), (12, 10), (1, 0), (0, 0), (1, 1)),
)


def pairs(n: int, right: int, lost: int, won: int) -> PairedCounts:
    return PairedCounts(
        both_right=right - lost,
        baseline_only=lost,
        candidate_only=won,
        both_wrong=n - right - won,
    )


def slices(moves: Moves) -> tuple[SliceCounts, ...]:
    return tuple(
        SliceCounts(column=column, value=value, counts=pairs(n, right, lost, won))
        for (column, value, n, right), (lost, won) in zip(SLICES, moves, strict=True)
    )


def judged_slices(moves: Moves) -> tuple[SliceJudgement, ...]:
    """The slices as a gate judges them, worst first."""
    found = slices(moves)
    adjusted = holm([harm_p_value(part.counts, 0.05) for part in found])
    judged = []
    for part, p in zip(found, adjusted, strict=True):
        bound = tango_upper_drop(part.counts, 1 - 0.05 / len(found))
        judged.append(
            SliceJudgement(
                column=part.column,
                value=part.value,
                n=part.counts.n,
                drop=part.counts.drop,
                drop_bound=bound,
                p_adjusted=p,
                state="harmed" if p < 0.05 else "kept" if bound <= 0.05 else "underpowered",
            )
        )
    return tuple(sorted(judged, key=lambda one: (one.state != "harmed", -one.drop)))


def against_champion(right: int) -> ChampionComparison:
    """A champion of 2,895 right answers beside a candidate of ``right``."""
    return ChampionComparison(
        digest=CHAMPION.digest,
        accuracy=2895 / 3080,
        counts=pairs(3080, 2895, 2895 + 22 - right, 22),
    )


def evaluation(name: str, moves: Moves) -> Evaluation:
    n, right = 3080, 2901
    by_class = slices(moves)[:5]
    lost = sum(part.counts.baseline_only for part in by_class)
    won = sum(part.counts.candidate_only for part in by_class)
    counts = pairs(n, right, lost, won)
    shift = (won - lost) / n
    return Evaluation(
        n=n,
        baseline=right / n,
        candidate=(right - lost + won) / n,
        difference=shift,
        ci95=(shift - 0.0071, shift + 0.0069),
        counts=counts,
        mcnemar_p=mcnemar_exact(counts),
        agreement=1 - (lost + won + 6) / n,
        baseline_digest=sha("baseline"),
        candidate_digest=sha(name),
        dataset_sha256=sha("evaluation"),
        predictions_sha256=sha(f"answers of {name}"),
        macro_f1=MacroF1(
            baseline=0.9372,
            candidate=0.9372 + 1.2 * shift,
            difference=1.2 * shift,
            ci95=(1.2 * shift - 0.0081, 1.2 * shift + 0.0083),
        ),
        champion=against_champion(right - lost + won),
        production=in_production(),
        slices=slices(moves),
        classes=(
            *(
                ClassFigures(
                    label=part.value,
                    n=part.counts.n,
                    baseline_recall=(part.counts.both_right + part.counts.baseline_only)
                    / part.counts.n,
                    candidate_recall=(part.counts.both_right + part.counts.candidate_only)
                    / part.counts.n,
                )
                for part in by_class
            ),
            ClassFigures(label="other", n=0, baseline_recall=None, candidate_recall=None),
        ),
        confusion=(
            (671, 9, 4, 12, 3, 2),
            (8, 388, 3, 9, 2, 2),
            (5, 4, 623, 11, 9, 3),
            (19, 8, 7, 345, 6, 3),
            (9, 11, 13, 9, 870, 12),
            (0, 0, 0, 0, 0, 0),
        ),
        flips=(
            Flip(
                row=17,
                text="I was charged twice for the March invoice and nobody answers.",
                label="refund",
                baseline="refund",
                candidate="billing",
            ),
            Flip(
                row=211,
                text="Please stop my plan at the end of the month, I am moving abroad.",
                label="cancellation",
                baseline="billing",
                candidate="cancellation",
            ),
            Flip(
                row=340,
                text="The parcel says delivered, but the app crashes when I open the proof.",
                label="delivery",
                baseline="other",
                candidate="technical",
            ),
        ),
        seconds=188.4,
    )


def in_production() -> ProductionCheck:
    """Like the training rows as far as can be told, unlike the evaluation rows."""
    return ProductionCheck(
        n=812,
        same=795,
        agreement=795 / 812,
        ci95=wilson_interval(795, 812, 0.95),
        drift=(
            Drift(
                against="train",
                n=640,
                n_other=2000,
                auc=0.518,
                ci95=auc_interval(0.518, 640, 2000, 0.95),
            ),
            Drift(
                against="evaluation",
                n=640,
                n_other=2000,
                auc=0.734,
                ci95=auc_interval(0.734, 640, 2000, 0.95),
            ),
        ),
        dataset_sha256=sha("production"),
        answers_sha256=sha("answers in production"),
    )


def arm(
    name: str, runtime: Runtime, precision: Precision, joules: float, p50: float, memory: int
) -> Arm:
    return Arm(
        name=name,
        runtime=runtime,
        precision=precision,
        digest=sha(name),
        joules_per_answer=joules,
        wh_per_1000=joules / 3.6,
        cpu_ms_per_answer=joules * 270,
        latency_p50_ms=p50,
        latency_p95_ms=p50 * 1.18,
        load_seconds=1.9,
        peak_rss_bytes=memory,
    )


def energy(name: str, joules: float, ratio: float) -> EnergyComparison:
    arms = (
        arm("baseline", "torch", "fp32", 0.0584, 41.2, 921_000_000),
        arm("torch-bf16", "torch", "bf16", 0.0237, 19.8, 1_105_000_000),
        arm("onnxruntime-fp32", "onnxruntime", "fp32", 0.0216, 15.1, 702_000_000),
        arm("candidate", "onnxruntime", "int8", joules, 4.4, 214_000_000),
        arm("control", "onnxruntime", "int8", joules * 1.004, 4.4, 214_000_000),
    )
    strongest = ratio * 0.0584 / 0.0216
    return EnergyComparison(
        meter=MeterInfo(
            name="cpu-time",
            tier="estimated",
            boundary="share of a server by hardware threads",
            detail="Ice Lake, 0.92 W idle and 4.12 W busy per thread (SPECpower medians). The "
            "true joules may differ by -30 to +100%; ratios do not depend on the scale.",
            scale=(0.7, 2.0),
            rejected=("RAPL: the counter cannot be read here", "NVML: no GPU in this machine"),
        ),
        workload=Workload(
            batch_size=8, rows=256, dataset_sha256=sha("evaluation"), label="evaluation rows"
        ),
        node=HARDWARE,
        environment={
            "cpu": "Intel Xeon (Ice Lake)",
            "python": "3.11.7",
            "torch": "2.13.0",
            "onnxruntime": "1.32.0",
            "OMP_WAIT_POLICY": "PASSIVE",
        },
        arms=arms,
        windows=tuple(
            Window(
                arm=a.name,
                block=block,
                answers=256,
                wall_seconds=2.0,
                cpu_seconds=3.9,
                joules=a.joules_per_answer * 256,
            )
            for block in range(10)
            for a in arms
        ),
        registered=Ratio(
            arm="candidate",
            against="baseline",
            ratio=ratio,
            ci95=(ratio * 0.98, ratio * 1.02),
            blocks=10,
        ),
        strongest=Ratio(
            arm="candidate",
            against="onnxruntime-fp32",
            ratio=strongest,
            ci95=(strongest * 0.975, strongest * 1.025),
            blocks=10,
        ),
        loads=(
            Load(
                batch_size=1,
                windows=(),
                joules_per_answer={arm.name: 1.6 * arm.joules_per_answer for arm in arms},
                registered=Ratio(
                    arm="candidate",
                    against="baseline",
                    ratio=ratio * 1.1,
                    ci95=(ratio * 1.06, ratio * 1.14),
                    blocks=10,
                ),
                strongest=Ratio(
                    arm="candidate",
                    against="onnxruntime-fp32",
                    ratio=strongest * 1.1,
                    ci95=(strongest * 1.06, strongest * 1.14),
                    blocks=10,
                ),
            ),
        ),
        control=Ratio(
            arm="control",
            against="candidate",
            ratio=1.004,
            ci95=(0.991, 1.017),
            blocks=10,
        ),
        checks=(
            Check(name="answers", passed=True, detail="10,240 answers planned, 10,240 given."),
            Check(name="control", passed=True, detail="The A/A interval contains 1."),
            Check(name="warm-up", passed=True, detail="Throughput settled within 5%."),
        ),
        baseline_digest=sha("baseline"),
        candidate_digest=sha(name),
        seconds=341.0,
    )


POLICY = ModelPolicy(
    name="customer-service",
    models=("support-*",),
    min_n=1000,
    slices=("label", "language"),
    max_latency_p50_ms=10.0,
    max_latency_p95_ms=25.0,
    approvers=(Approver(experiment="leanstage-approvals", user="m.okafor"),),
)

PLAN = Plan(
    tree_version="2026.1",
    facts={"layers": 12, "hidden_size": 768, "train_rows": 10003, "accelerator": None},
    path=(
        Answer(
            question="Is there an accelerator?",
            answer="No; choose for the processor.",
            reason="The serving hardware lists none, so kernels of the processor decide.",
            source="hardware profile",
        ),
        Answer(
            question="Is there enough text for a student with fewer layers to learn from?",
            answer="Try a student of a quarter of the depth, then of half.",
            reason="Depth is what makes an answer slow; half of it has held the accuracy of "
            "twelve-layer encoders.",
            source="docs/techniques.md",
        ),
        Answer(
            question="Does the processor multiply int8 natively?",
            answer="Try onnxruntime int8.",
            reason="avx512_vnni is present, so int8 kernels pay.",
            source="onnxruntime documentation, quantization",
        ),
    ),
    tolerance=0.01,
    hardware=HARDWARE,
    baseline_digest=sha("baseline"),
    distill=DistillSettings(depths=(0.25, 0.5)),
    prune=PruneSettings(ratios=(0.5, 0.33)),
    quantize=QuantizeSettings(backends=("onnxruntime-int8", "bitsandbytes-int8")),
)

UNCERTAIN = Reason(
    code="accuracy.uncertain",
    candidate="optimized",
    sentence="The drop may be as large as 2.31 points; the margin is 2.00.",
    next="Add evaluation rows: about 4,800 would settle it.",
)
HARM = Reason(
    code="slice.harm",
    candidate="optimized",
    sentence="The optimized candidate is shown to lose more than 5 points of accuracy in parts of "
    "the rows at 95% confidence: language sv loses 13.75 points on 160 rows (p 0.0014 over 11 "
    "slices).",
    next="Give the student more training text of this kind, or compress less.",
)
NO_SAVING = Reason(
    code="energy.no_saving",
    candidate="fallback",
    sentence="The fallback saves 27.0% against the strongest form; 40.0% are required here.",
    next="Measure on hardware with an energy counter, or ship the optimized candidate.",
)


def champion_figures(moves: Moves) -> tuple[float, float]:
    """Drop against the champion, and the bound of it."""
    lost, won = (sum(move[which] for move in moves[:5]) for which in (0, 1))
    counts = against_champion(2901 - lost + won).counts
    return counts.drop, tango_upper_drop(counts, 0.975)


def decision(verdict: Verdict) -> Decision:
    passed = verdict == "PROMOTE_OPTIMIZED"
    sentence = {
        "PROMOTE_OPTIMIZED": "The optimized variant keeps the accuracy within the policy and saves "
        "at least 72.6% of the energy per answer.",
        "PROMOTE_BASELINE": "No candidate passed; a justification lets the baseline ship.",
        "BLOCKED": "No candidate passed the policy, and no justification is on record.",
    }[verdict]
    moves = KEPT if passed else HARMED
    drop, bound = champion_figures(moves)
    optimized = Judgement(
        candidate="optimized",
        digest=sha("optimized"),
        passed=passed,
        reasons=() if passed else (UNCERTAIN, HARM),
        champion_drop=drop,
        champion_drop_bound=bound,
        slices=judged_slices(moves),
        drop=0.0036 if passed else 0.0094,
        drop_bound=0.0112 if passed else 0.0231,
        saving=0.7319,
        saving_bound=0.7251,
        saving_required=0.4,
        rows_needed=None if passed else 4800,
    )
    drop, bound = champion_figures(FALLBACK)
    fallback = Judgement(
        candidate="fallback",
        digest=sha("fallback"),
        passed=False,
        reasons=(NO_SAVING,),
        champion_drop=drop,
        champion_drop_bound=bound,
        slices=judged_slices(FALLBACK),
        drop=0.0010,
        drop_bound=0.0084,
        saving=0.27,
        saving_bound=0.25,
        saving_required=0.4,
    )
    use = JustificationUse(
        run_id="9b7e61c0",
        experiment="leanstage-approvals",
        sha256=sha("justification"),
        grounds="accuracy",
        reason="Refund requests are regulated; a lower recall there needs a new review first.",
        author="m.okafor",
        expires="2027-02-28T00:00:00Z",
    )
    return Decision(
        verdict=verdict,
        sentence=sentence,
        reasons=() if passed else (UNCERTAIN, HARM, NO_SAVING),
        judgements=(optimized,) if passed else (optimized, fallback),
        promoted={
            "PROMOTE_OPTIMIZED": "optimized",
            "PROMOTE_BASELINE": "baseline",
            "BLOCKED": None,
        }[verdict],
        digest={
            "PROMOTE_OPTIMIZED": sha("optimized"),
            "PROMOTE_BASELINE": sha("baseline"),
            "BLOCKED": None,
        }[verdict],
        deploy="optimized",
        source=ModelVersion(name="support-intents", version="7", created_ms=1_795_000_000_000),
        baseline_digest=sha("baseline"),
        champion=CHAMPION,
        policy_name=POLICY.name,
        policy_sha256=POLICY.sha256(),
        evidence_sha256=sha("evidence"),
        justification=use if verdict == "PROMOTE_BASELINE" else None,
        guarantee="Whoever can write to this file system can change the policy and the decision.",
        run_id="4f1c9a7e02d34c6f",
        decided="2026-11-23T21:14:07Z",
    )


def build(verdict: Verdict) -> ReportInputs:
    """The sample for one verdict."""
    moves = KEPT if verdict == "PROMOTE_OPTIMIZED" else HARMED
    return ReportInputs(
        decision=decision(verdict),
        policy=POLICY,
        plan=PLAN,
        hardware=HARDWARE,
        baseline=BASELINE,
        candidates={
            "optimized": CandidateRecord(
                manifest(
                    "optimized",
                    "onnxruntime",
                    "int8",
                    66_958_086,
                    68_120_442,
                    distilled(),
                    pruned(),
                    quantized("distilled", 74.1),
                ),
                evaluation("optimized", moves),
                energy("optimized", 0.00579, 0.0991),
            ),
            "fallback": CandidateRecord(
                manifest(
                    "fallback",
                    "onnxruntime",
                    "int8",
                    109_486_854,
                    110_404_000,
                    quantized("baseline", 96.3),
                ),
                evaluation("fallback", FALLBACK),
                energy("fallback", 0.0158, 0.27),
            ),
        },
        factors=load_factors(),
        timings={"resolve": 4.2, "plan": 0.4, "distill": 1284.2, "evaluate": 376.8, "gate": 0.3},
        version="0.1.0",
        justify_command=COMMAND if verdict == "BLOCKED" else None,
    )


@pytest.fixture
def make_inputs() -> MakeInputs:
    return build
