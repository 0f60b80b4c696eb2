"""A mistake of Neural Compressor."""

from leanstage.variant import Variant
from tests.mistakes.conftest import Quantized, last_step


def test_the_tuned_copy_is_what_is_returned_and_not_the_model_before(
    quantized: Quantized, baseline: Variant
) -> None:
    """Where a step says applied, what it writes is the form of the trial that it kept."""
    variant = quantized("onnxruntime-int8")
    step = last_step(variant)
    assert step.status == "applied", step.reason
    assert step.kept is not None
    assert (variant.manifest.runtime, variant.manifest.precision) == ("onnxruntime", "int8")
    assert variant.manifest.bytes == step.kept.bytes
    assert variant.manifest.bytes < baseline.manifest.bytes
    assert not list(variant.path.glob("*.safetensors")), "the weights from before are still there"
