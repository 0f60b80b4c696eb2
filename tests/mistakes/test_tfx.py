"""Mistakes of TFX."""

from dataclasses import replace
from typing import Any

import pytest

from leanstage.errors import LeanstageError
from leanstage.gate import Baseline, decide
from leanstage.gate.promotion import promote
from leanstage.registry import champions


@pytest.mark.parametrize("known", ["nothing", "bytes", "manifest"])
def test_without_a_baseline_nothing_is_rubber_stamped(genuine: Any, known: str) -> None:
    """A change cannot be within a limit where there is nothing that it is a change from."""
    evidence = genuine.evidence()
    whole = evidence.baseline
    half = {
        "nothing": Baseline(None, None),
        "bytes": Baseline(None, whole.digest),
        "manifest": Baseline(whole.manifest, None),
    }[known]
    decision = decide(replace(evidence, baseline=half), genuine.policy)
    assert decision.verdict == "BLOCKED"
    assert "evidence.missing" in {reason.code for reason in decision.reasons}


def test_what_no_gate_has_decided_is_not_pushed(promoting: Any) -> None:
    """Promotion without a signed decision is an error and no warning."""
    forged = promoting.unsigned()
    with pytest.raises(LeanstageError, match="holds no signed decision"):
        promote(forged, variants=promoting.variants(forged), target=promoting.target)
    assert champions.champion("tiny") is None
    assert not promoting.target.exists()
