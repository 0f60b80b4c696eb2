"""int8 under OpenVINO, by NNCF: post-training, with ranges taken from text."""

from pathlib import Path
from typing import Any

from leanstage.quantize.how import How, batches, group_of, quiet
from leanstage.variant import Variant
from leanstage.variant.forms import write_openvino
from leanstage.variant.openvino import openvino


def int8(source: Variant, target: Path, how: How) -> Variant:
    """Weights and activations in int8; the ranges are those that ``how.texts`` show."""
    openvino()
    feeds = batches(source, how.texts)

    def quantize(graph: Any) -> Any:
        with quiet():
            import nncf

            names = [
                node.get_friendly_name()
                for node in graph.get_ops()
                if node.get_type_name() in ("MatMul", "Gather")
                and group_of(node.get_friendly_name()) in how.in_float
            ]
            return nncf.quantize(
                graph,
                nncf.Dataset(feeds),
                model_type=nncf.ModelType.TRANSFORMER,
                subset_size=len(feeds),
                ignored_scope=nncf.IgnoredScope(names=names) if names else None,
            )

    return write_openvino(source, target, transform=quantize)
