"""Settings that contradict each other are refused as they are made."""

import pytest
from pydantic import ValidationError

from leanstage.contracts import DistillSettings, PruneSettings


@pytest.mark.parametrize("kind", [DistillSettings, PruneSettings])
def test_parts_of_a_step_are_of_one_size(kind: type[DistillSettings] | type[PruneSettings]) -> None:
    assert kind(batch_size=32, accumulation=4).accumulation == 4
    for parts in (5, 64):
        with pytest.raises(ValidationError, match=f"'accumulation' of {parts} must divide"):
            kind(batch_size=32, accumulation=parts)


def test_hidden_states_are_not_compared_where_layers_are_pruned() -> None:
    assert PruneSettings(hidden_weight=1.0).dimensions == ("feed_forward",)
    with pytest.raises(ValidationError, match="or leave layers out"):
        PruneSettings(hidden_weight=1.0, dimensions=("heads", "layers"))
