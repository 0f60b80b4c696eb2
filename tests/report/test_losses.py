"""What may be lost: by either metric, in slices, against the champion."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from leanstage.contracts import Champion, Judgement, ModelVersion, Reason, SliceJudgement, Verdict
from leanstage.report import ReportInputs
from leanstage.report.document import Cell, Chart, Facts, Table
from leanstage.report.figures import MINUS
from leanstage.report.sections import (
    accuracy_section,
    cards,
    headline,
    limits_table,
    provenance_section,
    summary_section,
)

MakeInputs = Callable[[Verdict], ReportInputs]


def words(cell: Cell) -> str:
    """The text of a cell, then its second line."""
    text = f"{cell.text} | {cell.sub}" if cell.sub else cell.text
    return " ".join(text.split()).replace(MINUS, "-")


def limits(inputs: ReportInputs) -> dict[str, tuple[str, ...]]:
    """Outcome, finding and limit by the name of the limit."""
    table = limits_table(inputs, "optimized")
    assert table is not None
    return {row[0].text: tuple(words(cell) for cell in row[1:]) for row in table.rows}


def tables(inputs: ReportInputs) -> dict[str, Table]:
    blocks = accuracy_section(inputs).blocks
    return {block.caption: block for block in blocks if isinstance(block, Table)}


def facts(inputs: ReportInputs) -> dict[str, str]:
    """Names and values under the interval chart."""
    found = next(b for b in accuracy_section(inputs).blocks if isinstance(b, Facts))
    return {name: words(cell) for name, cell in found.items}


def with_policy(inputs: ReportInputs, **changes: Any) -> ReportInputs:
    return replace(inputs, policy=inputs.policy.model_copy(update=changes))


def with_decision(inputs: ReportInputs, **changes: Any) -> ReportInputs:
    return replace(inputs, decision=inputs.decision.model_copy(update=changes))


def with_judgement(inputs: ReportInputs, **changes: Any) -> ReportInputs:
    """The same, the judgement of the optimized candidate changed."""
    first, *others = inputs.decision.judgements
    changed: Judgement = first.model_copy(update=changes)
    return with_decision(inputs, judgements=(changed, *others))


def with_evaluation(inputs: ReportInputs, **changes: Any) -> ReportInputs:
    """The same, the evaluation of the optimized candidate changed."""
    record = inputs.candidates["optimized"]
    assert record.evaluation is not None
    changed = replace(record, evaluation=record.evaluation.model_copy(update=changes))
    return replace(inputs, candidates={**inputs.candidates, "optimized": changed})


SLICES = "Accuracy by slice of the evaluation rows"
CHAMPION = "Accuracy lost against the champion"


def test_slices_stand_worst_first_in_plain_words(make_inputs: MakeInputs) -> None:
    table = tables(make_inputs("BLOCKED"))[SLICES]
    rows = [tuple(words(cell) for cell in row) for row in table.rows]
    assert rows[0] == (
        *("language = sv", "Harmed", "160", "93.8% → 80.0%"),
        *("-13.75", "-22.34", "0.0014"),
    )
    assert rows[1][:3] == ("class = refund", "Too few rows to tell", "388")
    assert rows[4][:2] == ("class = technical", "Kept within the limit")
    assert [row[1].tone for row in table.rows[:5]] == ["bad", "quiet", "quiet", "quiet", "good"]
    assert table.note == (
        "Limit: at most 5.00 points lost in any slice. Only harm that is shown blocks, by a p "
        "below 0.05; p is adjusted for the number of slices, 11 (Holm). Bound: one-sided, its "
        "error of 5% divided over all 11."
    )


def test_slices_beyond_twelve_are_counted_and_take_in_the_recall(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("BLOCKED")
    slices = tuple(
        SliceJudgement(
            column="label",
            value=f"intent-{number}",
            n=40,
            drop=number / 1000,
            drop_bound=0.1,
            p_adjusted=1.0,
            state="harmed" if number == 3 else "kept" if number % 7 else "underpowered",
        )
        for number in range(43)
    )
    evaluation = inputs.candidates["optimized"].evaluation
    assert evaluation is not None
    many = with_evaluation(inputs, classes=evaluation.classes * 2)
    assert "Recall by class" not in tables(with_judgement(many, slices=slices))
    assert "Recall by class" in tables(with_judgement(many, slices=()))
    table = tables(with_judgement(many, slices=slices))[SLICES]
    assert [row[0].text for row in table.rows[:2]] == ["class = intent-3", "class = intent-42"]
    assert len(table.rows) == 12
    assert " ".join(table.note.split()).endswith(
        " 31 more: 26 kept within the limit, 5 too few rows to tell."
    )


def test_no_slices_no_table(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    assert SLICES not in tables(with_judgement(inputs, slices=()))
    assert SLICES not in tables(with_decision(inputs, judgements=()))


def test_slices_in_the_limits(make_inputs: MakeInputs) -> None:
    name = "Accuracy lost in a slice"
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    asked = "at most 5.00 points"
    assert limits(inputs)[name] == ("Met", "none of 11 harmed | 4 of 11 too small to tell", asked)
    harmed = ("Not met", "1 of 11 harmed | 4 of 11 too small to tell", asked)
    assert limits(make_inputs("BLOCKED"))[name] == harmed
    unjudged = with_judgement(inputs, slices=())
    assert limits(unjudged)[name] == ("Not measured", "no slice judged", asked)
    table = limits_table(with_policy(inputs, slices=()), "optimized")
    assert table is not None
    assert name not in {row[0].text for row in table.rows}
    assert table.note == "The policy sets no limit on slices or size."


def test_accuracy_is_judged_by_default(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    assert dict(headline(inputs).meta)["Policy"] == "customer-service"
    assert cards(inputs)[0].label == "Accuracy"
    assert "Accuracy lost, at worst" in limits(inputs)
    assert summary_section(inputs).lead.endswith("Its accuracy is 93.8% against 94.2%.")


def test_macro_f1_is_named_wherever_it_is_judged(make_inputs: MakeInputs) -> None:
    inputs = with_policy(make_inputs("PROMOTE_OPTIMIZED"), metric="macro_f1")
    assert dict(headline(inputs).meta)["Policy"] == "customer-service, judges by macro F1"
    card = cards(inputs)[0]
    assert (card.label, card.detail) == ("Macro F1", "93.7% → 93.3%")
    assert {"Macro F1 lost, as measured", "Macro F1 lost, at worst"} < set(limits(inputs))
    assert "Accuracy lost, at worst" not in limits(inputs)
    summary = summary_section(inputs)
    assert summary.lead.endswith("Its macro F1 is 93.3% against 93.7%.")
    table = summary.blocks[0]
    assert isinstance(table, Table)
    assert [words(row[0]) for row in table.rows[:2]] == [
        "Accuracy",
        "Macro F1 | judged by the policy",
    ]
    section = accuracy_section(inputs)
    assert section.lead.endswith("The policy judges by macro F1.")
    chart = section.blocks[0]
    assert isinstance(chart, Chart)
    assert chart.title == "Change in macro F1, percentage points"
    assert "95% interval (bootstrapped, paired)" in chart.caption


def test_mcnemar_says_whether_the_models_differ(make_inputs: MakeInputs) -> None:
    assert facts(make_inputs("PROMOTE_OPTIMIZED"))["McNemar's exact test"] == (
        "p = 0.14 | at the 5% level the two models' accuracies are not shown to differ"
    )
    assert facts(make_inputs("BLOCKED"))["McNemar's exact test"] == (
        "p < 0.001 | at the 5% level the two models' accuracies differ"
    )


def test_champion_beside_the_candidate(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("BLOCKED")
    found = "1.30 points lost | 0.75 points lost as measured, n = 3,080"
    assert limits(inputs)[CHAMPION] == ("Met", found, "at most 2.00 points")
    assert facts(inputs)["Against the champion, version 5"] == (
        "0.75 points lost | accuracy 94.0% → 93.2%; 45 rows lost, 22 won; "
        "bound judged: 1.30 points lost"
    )
    worse = Reason(code="champion.worse", candidate="optimized", sentence="Worse.", next="Less.")
    changed = with_judgement(inputs, champion_drop_bound=0.0214, reasons=(worse,))
    assert limits(changed)[CHAMPION][:2] == ("Not met", found.replace("1.30", "2.14"))


def test_champion_of_another_name_is_named(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("BLOCKED")
    champion = inputs.decision.champion
    assert champion is not None
    version = ModelVersion(name="support-live", version="2", created_ms=0)
    inputs = with_decision(inputs, champion=Champion(version=version, digest=champion.digest))
    assert "Against the champion, support-live, version 2" in facts(inputs)


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("none", "no champion yet"),
        ("itself", "it is the champion itself"),
        ("missing", "not evaluated beside it"),
        ("other", "evaluated beside another"),
    ],
)
def test_champion_that_was_not_compared(make_inputs: MakeInputs, case: str, why: str) -> None:
    inputs = make_inputs("BLOCKED")
    champion = inputs.decision.champion
    assert champion is not None
    changed = {
        "none": lambda: with_decision(inputs, champion=None),
        "itself": lambda: with_judgement(inputs, digest=champion.digest),
        "missing": lambda: with_evaluation(inputs, champion=None),
        "other": lambda: with_decision(
            inputs, champion=champion.model_copy(update={"digest": "a" * 64})
        ),
    }[case]()
    assert limits(changed)[CHAMPION] == ("Not compared", why, "at most 2.00 points")
    assert why in facts(changed).values()


def test_champion_is_left_out_by_policy(make_inputs: MakeInputs) -> None:
    inputs = with_policy(make_inputs("BLOCKED"), vs_champion=False)
    assert CHAMPION not in limits(inputs)
    assert facts(inputs)["Against the champion"] == "not compared, by policy"
    table = limits_table(inputs, "optimized")
    assert table is not None
    assert table.note.endswith("Against the champion: not compared, by policy.")


def test_one_latency_limit_does_not_stand_for_the_other(make_inputs: MakeInputs) -> None:
    slow = Reason(code="latency.slo", candidate="optimized", sentence="Slow.", next="Less.")
    inputs = with_judgement(make_inputs("BLOCKED"), reasons=(slow,))
    found = limits(with_policy(inputs, max_latency_p50_ms=4.0))
    assert found["Latency, median"] == ("Not met", "4.40 ms", "at most 4.00 ms")
    assert found["Latency, 95th percentile"] == ("Met", "5.19 ms", "at most 25.0 ms")


def test_provenance_says_how_to_verify(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    decision, digests = provenance_section(inputs).blocks[0], provenance_section(inputs).blocks[2]
    assert isinstance(decision, Facts)
    assert isinstance(digests, Table)
    found = {name: words(cell) for name, cell in decision.items}
    assert found["Justifications count in"] == "leanstage-approvals, by m.okafor"
    assert found["Champion at that time"] == "support-intents, version 5"
    assert found["Signed"] == (
        "attestation/decision.dsse.json | beside the promoted files and in MLflow; "
        "to verify: leanstage verify DIR"
    )
    rows = {words(row[0]): row[1].text for row in digests.rows}
    evaluation, champion = inputs.candidates["optimized"].evaluation, inputs.decision.champion
    assert evaluation is not None
    assert champion is not None
    answers = "Optimized candidate, answers row by row (n = 3,080)"
    assert rows[answers] == evaluation.predictions_sha256
    assert rows["Champion (version 5), content"] == champion.digest


def test_nothing_promoted_leaves_nothing_to_verify(make_inputs: MakeInputs) -> None:
    inputs = with_decision(make_inputs("BLOCKED"), champion=None)
    decision = provenance_section(inputs).blocks[0]
    assert isinstance(decision, Facts)
    found = {name: words(cell) for name, cell in decision.items}
    assert found["Signed"] == "attestation/decision.dsse.json | in MLflow, with the run"
    assert found["Champion at that time"] == "no champion yet"


def test_a_champion_without_a_recorded_digest(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("BLOCKED")
    champion = inputs.decision.champion
    assert champion is not None
    unknown = champion.model_copy(update={"digest": "0" * 64})
    digests = provenance_section(with_decision(inputs, champion=unknown)).blocks[2]
    assert isinstance(digests, Table)
    rows = {words(row[0]): row[1].text for row in digests.rows}
    assert rows["Champion (version 5), content"] == "not recorded"
