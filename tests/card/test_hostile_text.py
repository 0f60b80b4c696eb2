"""Text from datasets, models and people can change neither the metadata nor the page."""

from functools import cache

import pytest
from huggingface_hub import ModelCard

from leanstage.card import model_card
from leanstage.contracts import Verdict
from tests.card.conftest import context_of
from tests.report.conftest import build
from tests.report.test_hostile_text import PAYLOADS, markdown_shape, poison

YAML_PAYLOADS = ("x\n---\nlicense: mit", "&a *b !!python/object:os.system", "a: b #", "'\"", "- [")


def card(verdict: Verdict, payload: str) -> ModelCard:
    inputs = build(verdict)
    both = build("BLOCKED").decision.judgements
    decision = inputs.decision.model_copy(update={"judgements": both})
    context = context_of(inputs)
    source = decision.source.model_copy(update={"name": payload})
    poisoned = poison(inputs.candidates, payload)
    # The names of the forms tell them apart; what a form is called in words is not theirs to say.
    candidates = {
        role: type(record)(
            poisoned[role].manifest,
            poisoned[role].evaluation,
            poisoned[role].energy.model_copy(
                update={
                    name: getattr(record.energy, name)
                    for name in ("arms", "windows", "registered", "strongest", "control", "loads")
                }
            ),
        )
        for role, record in inputs.candidates.items()
    }
    changed = type(inputs)(
        decision=decision.model_copy(
            update={"source": source, "sentence": payload, "guarantee": payload, "decided": payload}
        ),
        policy=inputs.policy.model_copy(update={"promoted_model": payload}),
        plan=inputs.plan,
        hardware=poison(inputs.hardware, payload),
        baseline=poison(inputs.baseline, payload),
        candidates=candidates,
        factors=inputs.factors,
        timings={},
        version="0.1.0",
    )
    return model_card(
        changed,
        context.model_copy(
            update={
                "source": source,
                "evaluation": context.evaluation.model_copy(update={"source": payload}),
                "train": context.train.model_copy(update={"source": payload}),
            }
        ),
    )


@cache
def harmless(verdict: Verdict) -> ModelCard:
    return card(verdict, "harmless words")


@pytest.mark.parametrize("verdict", ["PROMOTE_OPTIMIZED", "PROMOTE_BASELINE"])
@pytest.mark.parametrize("payload", [*PAYLOADS, *YAML_PAYLOADS])
def test_a_card_keeps_its_shape(verdict: Verdict, payload: str) -> None:
    clean, dirty = harmless(verdict), card(verdict, payload)
    assert markdown_shape(dirty.text) == markdown_shape(clean.text)
    assert ModelCard(str(dirty)).data.to_dict().keys() == clean.data.to_dict().keys()
    for hidden in ("\u202e", "\x1b", "\x00"):
        assert hidden not in str(dirty)
    for live in ("https://evil", "www.evil", "@team"):
        assert live not in dirty.text
