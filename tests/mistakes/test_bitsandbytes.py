"""A mistake that is easily made with bitsandbytes."""

import pytest
from safetensors import safe_open

from leanstage.contracts import QuantizeBackend
from leanstage.quantize.backends import BACKENDS
from leanstage.variant import Variant


@pytest.mark.parametrize("name", ["bitsandbytes-int8", "bitsandbytes-nf4"])
def test_the_head_stays_in_float(name: QuantizeBackend, baseline: Variant) -> None:
    """Four bits fail on an output that does not divide a block, such as twenty classes."""
    reason = BACKENDS[name].refusal(baseline, ())
    if reason is not None:
        assert name.startswith(("torch", "openvino-bf16")), reason
        pytest.skip(reason)
    made = BACKENDS[name](baseline, baseline.path.parent / name)
    with safe_open(made.path / "model.safetensors", framework="np") as weights:
        kinds = {key: weights.get_slice(key).get_dtype() for key in weights.keys()}  # noqa: SIM118
    assert kinds["classifier.weight"] in ("F32", "F16", "BF16")
    assert {"I8", "U8"} & set(kinds.values()), "nothing was quantized"
