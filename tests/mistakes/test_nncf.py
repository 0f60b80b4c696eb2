"""Mistakes of NNCF."""

from collections.abc import Callable

from leanstage.gate import decide
from leanstage.quantize.backends import BACKENDS
from leanstage.quantize.how import How
from leanstage.variant import Variant
from tests.mistakes.conftest import Quantized, inverted, last_step, unchanged


def test_a_model_that_missed_its_target_is_not_returned(
    quantized: Quantized, instead: Callable[..., str]
) -> None:
    """What loses more than its limit stays a trial with its figures; the input goes on."""
    variant = quantized(instead(inverted))
    assert variant.manifest.precision == "fp32"
    (trial,) = last_step(variant).trials
    assert not trial.fits
    assert trial.validation is not None


def test_a_form_with_the_bytes_of_its_input_is_not_applied(
    quantized: Quantized, instead: Callable[..., str]
) -> None:
    """A backend that changed nothing saved nothing, whatever a clock says."""
    step = last_step(quantized(instead(unchanged)))
    assert step.status == "rejected"
    assert "not smaller than its input" in step.trials[0].reason


def test_layers_kept_for_accuracy_give_other_bytes_than_plain_int8(
    baseline: Variant, tmp_path: object
) -> None:
    """The mode that spares sensitive layers has to spare them."""
    folder = baseline.path.parent
    backend = BACKENDS["onnxruntime-int8"]
    plain = backend(baseline, folder / "plain", How())
    spared = backend(baseline, folder / "spared", How(in_float=("layer 1 attention",)))
    assert spared.manifest.bytes > plain.manifest.bytes
    assert spared.digest != plain.digest


def test_the_baseline_under_another_name_is_no_candidate(genuine: object) -> None:
    """The gate knows the baseline by its bytes."""
    twin = genuine.candidate(digest="b" * 64, manifest=genuine.manifest("b" * 64))  # type: ignore[attr-defined]
    decision = decide(genuine.evidence(twin), genuine.policy)  # type: ignore[attr-defined]
    assert decision.verdict == "BLOCKED"
    assert any("byte for byte" in reason.sentence for reason in decision.reasons)
