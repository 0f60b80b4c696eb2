"""A mistake of ModelOpt."""

import pytest

from leanstage.contracts import QuantizeBackend
from leanstage.quantize.backends import BACKENDS
from leanstage.quantize.how import How
from leanstage.tasks import SplitFolder
from leanstage.variant import Variant, open_variant


@pytest.mark.parametrize("name", list(BACKENDS))
def test_no_backend_writes_over_its_input(
    name: QuantizeBackend, baseline: Variant, train: SplitFolder
) -> None:
    """Every file of the input has the bytes it had, whatever was made from it."""
    texts = tuple(train.texts[:16])
    reason = BACKENDS[name].refusal(baseline, texts)
    if reason is not None:
        assert name.startswith(("torch", "openvino-bf16")), reason
        pytest.skip(reason)
    BACKENDS[name](baseline, baseline.path.parent / name, How(texts=texts))
    assert open_variant(baseline.path).digest == baseline.digest
