"""Cards of the report's sample decisions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from leanstage.card import model_card
from leanstage.contracts import DatasetInfo, RunContext, Verdict
from leanstage.report import ReportInputs
from tests.report.conftest import build, sha

MakeCard = Callable[..., Any]
"""Makes the card of a verdict."""


def context_of(inputs: ReportInputs, pinned: str = "models:/support-intents/7") -> RunContext:
    """The run that asked for what was decided."""

    def rows(split: Any, n: int, name: str) -> DatasetInfo:
        return DatasetInfo(split=split, source=f"/home/somebody/{name}", n=n, rows_sha256=sha(name))

    decision = inputs.decision
    return RunContext(
        run_id=decision.run_id,
        source=decision.source,
        pinned_model=pinned,
        baseline_digest=decision.baseline_digest or sha("baseline"),
        champion=decision.champion,
        deploy=decision.deploy,
        policy=inputs.policy,
        hardware=inputs.hardware,
        train=rows("train", 10_003, "train.jsonl"),
        validation=rows("validation", 2002, "validation.jsonl"),
        evaluation=rows("evaluation", 3080, "evaluation.jsonl"),
        unlabelled=rows("unlabelled", 812, "unlabelled.jsonl"),
    )


def card_of(verdict: Verdict, pinned: str = "models:/support-intents/7", **changes: Any) -> Any:
    """The card of the sample for one verdict."""
    sample = build(verdict)
    # The gate judges every candidate; of a promotion the sample keeps the first alone.
    both = (*sample.decision.judgements[:1], build("BLOCKED").decision.judgements[1])
    decision = sample.decision.model_copy(update={"judgements": both})
    inputs = replace(sample, **{"decision": decision, **changes})
    return model_card(inputs, context_of(inputs, pinned))


@pytest.fixture
def make_card() -> MakeCard:
    return card_of
