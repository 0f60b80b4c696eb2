"""The card carries the decided figures, and says of each what stands behind it."""

import math
from dataclasses import replace
from typing import Any

import pytest
from huggingface_hub import ModelCard
from scipy import stats

from leanstage.card import model_card
from leanstage.card.subject import origin
from leanstage.contracts import (
    CardedEnergy,
    CardFacts,
    Decode,
    EnergyComparison,
    Load,
    Reason,
    Service,
)
from leanstage.errors import LeanstageError
from leanstage.report import ReportInputs
from leanstage.variant.statistics_sample import wilson_interval
from tests.card.conftest import MakeCard, context_of
from tests.report.conftest import build, sha


def facts_of(card: ModelCard) -> CardFacts:
    return CardFacts.model_validate(card.data.leanstage)


def at(facts: CardFacts, variant: str, form: str, batch_size: int = 8) -> CardedEnergy:
    (found,) = (
        each
        for each in facts.energy
        if (each.variant, each.form, each.batch_size) == (variant, form, batch_size)
    )
    return found


def row(card: ModelCard, start: str) -> list[str]:
    """The cells of the first row of a table that starts so."""
    line = next(line for line in card.text.splitlines() if line.startswith(f"| {start} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def uneven(energy: EnergyComparison) -> EnergyComparison:
    """The measurement with windows that scatter."""
    windows = tuple(
        w.model_copy(update={"joules": w.joules * (1 + 0.01 * ((7 * w.block) % 5 - 2))})
        for w in energy.windows
    )
    return energy.model_copy(update={"windows": windows})


def with_energy(inputs: ReportInputs, energy: EnergyComparison) -> dict[str, Any]:
    """Changes that put another measurement of the first candidate into a sample."""
    record = replace(inputs.candidates["optimized"], energy=energy)
    return {"candidates": {**inputs.candidates, "optimized": record}}


def test_the_hubs_client_reads_back_what_was_written(make_card: MakeCard) -> None:
    card = make_card("PROMOTE_OPTIMIZED")
    again = ModelCard(str(card))
    assert str(again) == str(card)
    assert again.data.to_dict() == card.data.to_dict()
    assert again.data.pipeline_tag == "text-classification"
    assert again.data.tags == ["leanstage", "onnx", "int8", "distillation", "quantization"]
    found = {each.metric_type: each.metric_value for each in again.data.eval_results[:2]}
    assert found == {
        "accuracy": facts_of(card).metrics[0].value,
        "f1": facts_of(card).metrics[1].value,
    }


def test_the_figures_are_those_of_the_decision(make_card: MakeCard) -> None:
    sample = build("PROMOTE_OPTIMIZED")
    card = make_card("PROMOTE_OPTIMIZED")
    facts, decision = facts_of(card), sample.decision
    assert facts.digest == decision.digest
    assert facts.run_id == decision.run_id
    assert facts.policy_sha256 == decision.policy_sha256
    assert decision.sentence in card.text
    energy = sample.candidates["optimized"].energy
    assert energy is not None
    own = at(facts, "optimized", "candidate")
    assert own.joules_per_answer == energy.arm("candidate").joules_per_answer
    assert (own.ratio, own.ratio_ci95) == (energy.registered.ratio, energy.registered.ci95)
    assert (own.meter, own.tier, own.scale) == ("cpu-time", "estimated", (0.7, 2.0))
    assert row(card, "This model")[1:3] == ["onnxruntime int8", "0.00579"]
    judgement = decision.judgements[0]
    assert f"{100 * (judgement.drop_bound or 0):.2f} points at most" in card.text


def test_every_precision_and_every_variant_has_its_energy(make_card: MakeCard) -> None:
    facts = facts_of(make_card("PROMOTE_OPTIMIZED"))
    judged = [(e.variant, e.runtime, e.precision) for e in facts.energy if e.judged]
    assert judged == [
        ("optimized", "onnxruntime", "int8"),
        ("baseline", "torch", "fp32"),
        ("baseline", "torch", "bf16"),
        ("baseline", "onnxruntime", "fp32"),
        ("fallback", "onnxruntime", "int8"),
    ]
    assert {e.batch_size for e in facts.energy} == {1, 8}
    assert "control" not in {e.form for e in facts.energy}


def test_an_interval_is_that_of_the_blocks(make_card: MakeCard) -> None:
    sample = build("PROMOTE_OPTIMIZED")
    record = sample.candidates["optimized"]
    assert record.energy is not None
    energy = uneven(record.energy)
    facts = facts_of(make_card("PROMOTE_OPTIMIZED", **with_energy(sample, energy)))
    logs = [math.log(w.joules / w.answers) for w in energy.windows if w.arm == "torch-bf16"]
    middle, spread = sum(logs) / len(logs), stats.sem(logs)
    low, high = stats.t.interval(0.95, len(logs) - 1, middle, spread)
    found = at(facts, "baseline", "torch-bf16")
    assert found.ci95 == pytest.approx((math.exp(low), math.exp(high)))
    assert found.ci95[0] < found.joules_per_answer < found.ci95[1]
    # All forms scatter alike, block by block: their ratio does not.
    assert found.ratio == pytest.approx(0.0237 / 0.0584)
    assert found.ratio_ci95 == pytest.approx((found.ratio, found.ratio))


def test_the_accuracy_has_an_interval_of_its_own(make_card: MakeCard) -> None:
    evaluation = build("PROMOTE_OPTIMIZED").candidates["optimized"].evaluation
    assert evaluation is not None
    accuracy, macro = facts_of(make_card("PROMOTE_OPTIMIZED")).metrics
    right = round(evaluation.candidate * evaluation.n)
    assert accuracy.ci95 == wilson_interval(right, evaluation.n, 0.95)
    assert accuracy.difference_ci95 == evaluation.ci95
    assert macro.ci95 is None
    assert macro.value == evaluation.macro_f1.candidate  # type: ignore[union-attr]


def test_what_is_not_on_record_is_null_and_said(make_card: MakeCard) -> None:
    card = make_card("PROMOTE_OPTIMIZED")
    single = at(facts_of(card), "baseline", "torch-bf16", 1)
    assert (single.ci95, single.ratio, single.ratio_ci95) == (None, None, None)
    assert "not on record" in card.text
    sample = build("PROMOTE_OPTIMIZED")
    bare = replace(sample.candidates["optimized"], energy=None, evaluation=None)
    card = make_card("PROMOTE_OPTIMIZED", candidates={"optimized": bare})
    assert facts_of(card).energy == facts_of(card).metrics == ()
    assert "model-index" not in card.data.to_dict()
    assert "It was not measured." in card.text


def test_evidence_that_the_gate_objected_to_is_left_out(make_card: MakeCard) -> None:
    sample = build("BLOCKED").decision.judgements
    reason = Reason(
        code="evidence.anomalous", candidate="fallback", sentence="Contradicts itself.", next=""
    )
    promoted = build("PROMOTE_OPTIMIZED").decision
    spoilt = sample[1].model_copy(update={"reasons": (reason,)})
    decision = promoted.model_copy(update={"judgements": (*promoted.judgements, spoilt)})
    card = make_card("PROMOTE_OPTIMIZED", decision=decision)
    assert "fallback" not in {each.variant for each in facts_of(card).energy}


def test_a_baseline_has_a_card_that_says_why_it_ships(make_card: MakeCard) -> None:
    card = make_card("PROMOTE_BASELINE")
    facts = facts_of(card)
    assert (facts.role, facts.verdict) == ("baseline", "PROMOTE_BASELINE")
    assert facts.metrics[0].difference is None
    assert row(card, "This model")[1:3] == ["torch fp32", "0.0584"]
    assert "on the justification of m.okafor (accuracy), until 2027" in card.text
    assert "no step was applied" in card.text
    assert card.data.library_name == "transformers"


def test_a_model_of_the_hub_is_named_as_the_hub_names_it(make_card: MakeCard) -> None:
    card = make_card("PROMOTE_OPTIMIZED", "hf://org/bert-base@0123abc")
    assert card.data.base_model == "org/bert-base"
    assert card.data.base_model_relation == "finetune"
    assert "`hf://org/bert-base@0123abc`" in card.text
    assert "base_model" not in make_card("PROMOTE_OPTIMIZED").data.to_dict()


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("/home/somebody/secret-project/model", "model"),
        ("file:///srv/models/mine", "mine"),
        ("s3://key:secret@bucket/models/mine?token=1", "s3://bucket/models/mine"),
        ("models:/reviews/3", "models:/reviews/3"),
    ],
)
def test_no_account_and_no_path_of_a_machine_is_published(
    make_card: MakeCard, uri: str, shown: str
) -> None:
    assert origin(uri) == shown
    text = str(make_card("PROMOTE_OPTIMIZED", uri))
    assert f"`{shown}`" in text
    for private in ("somebody", "secret", "/srv", "token="):
        assert private not in text


def test_writing_has_joules_per_token_and_its_two_parts(make_card: MakeCard) -> None:
    sample = build("PROMOTE_OPTIMIZED")
    energy = sample.candidates["optimized"].energy
    assert energy is not None
    arms = {arm.name: arm.joules_per_answer for arm in energy.arms}
    reading = Load(
        batch_size=8,
        tokens_per_answer=1,
        windows=(),
        joules_per_answer={name: joules / 8 for name, joules in arms.items()},
        registered=energy.registered,
        strongest=energy.strongest,
    )
    decode = Decode(joules_per_token={"candidate": 1.5e-4}, registered=None, strongest=None)
    written = energy.model_copy(
        update={
            "workload": energy.workload.model_copy(update={"tokens_per_answer": 32}),
            "loads": (*energy.loads, reading),
            "decode": decode,
        }
    )
    card = make_card("PROMOTE_OPTIMIZED", **with_energy(sample, written))
    own = [each for each in facts_of(card).energy if each.variant == "optimized"]
    assert [(e.batch_size, e.tokens_per_answer) for e in own] == [(8, 32), (1, 32), (8, 1)]
    assert own[0].joules_per_output_token == pytest.approx(0.00579 / 32)
    assert [e.decode_joules_per_token for e in own] == [1.5e-4, None, None]
    assert own[2].joules_per_output_token is None
    assert "In batches of 8, one token written: reading the prompt" in card.text
    assert row(card, "Baseline as registered")[5] == "not measured"


def test_at_a_given_rate_it_says_who_could_not_follow(make_card: MakeCard) -> None:
    sample = build("PROMOTE_OPTIMIZED")
    energy = sample.candidates["optimized"].energy
    assert energy is not None
    at_rate = energy.loads[0].model_copy(
        update={
            "request_rate": 40.0,
            "service": {
                "baseline": Service(achieved_rate=24.1, overloaded=True),
                "candidate": Service(
                    achieved_rate=40.2, overloaded=False, latency_p50_ms=5, latency_p95_ms=9
                ),
            },
        }
    )
    measured = energy.model_copy(update={"loads": (*energy.loads, at_rate)})
    card = make_card("PROMOTE_OPTIMIZED", **with_energy(sample, measured))
    found = {e.form: e.overloaded for e in facts_of(card).energy if e.request_rate == 40}
    assert found == {
        "candidate": False,
        "baseline": True,
        "torch-bf16": None,
        "onnxruntime-fp32": None,
    }
    assert "**At 40 answers per second, as production asks**" in card.text
    assert (
        "| Baseline as registered (overloaded: it answers fewer than are asked for) |" in card.text
    )


def test_a_card_needs_no_factors(make_card: MakeCard) -> None:
    assert str(make_card("PROMOTE_OPTIMIZED", factors=None)) == str(make_card("PROMOTE_OPTIMIZED"))


def test_nothing_that_was_not_promoted_has_a_card(make_card: MakeCard) -> None:
    with pytest.raises(LeanstageError, match="does not promote the variant"):
        make_card("BLOCKED")
    sample = build("PROMOTE_OPTIMIZED")
    other = sample.decision.model_copy(update={"digest": sha("another")})
    with pytest.raises(LeanstageError, match="does not promote the variant"):
        make_card("PROMOTE_OPTIMIZED", decision=other)


def test_what_the_gate_was_given_says_who_knows_the_training_data() -> None:
    inputs = build("PROMOTE_OPTIMIZED")
    context = context_of(inputs).model_copy(update={"proposal": "aa11"})
    text = model_card(inputs, context).text
    assert "known to whoever made it, in MLflow run aa11" in text
    assert "train.jsonl" not in text
