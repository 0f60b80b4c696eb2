"""Signs that a model is larger, or served dearer, than its task asks for."""

import statistics
from collections.abc import Iterator, Sequence

from leanstage.contracts import AuditEntry, Flag, ModelPolicy

TIMES = 3.0
"""How many times the median of its peers a model may have before it stands out."""
FEWEST = 3
"""Peers that a median rests on at least."""
SMALL = 150_000_000
"""Parameters up to which two processor cores answer a sentence in about a tenth of a second."""


def flagged(entries: Sequence[AuditEntry], policies: Sequence[ModelPolicy]) -> list[AuditEntry]:
    """The entries with what stands out in each."""
    in_force = {policy.name: policy.sha256() for policy in policies}
    optimized = [entry for entry in entries if entry.status == "optimized"]
    return [
        entry.model_copy(update={"flags": tuple(_flags(entry, optimized, in_force))})
        for entry in entries
    ]


def _flags(
    entry: AuditEntry, optimized: Sequence[AuditEntry], in_force: dict[str, str]
) -> Iterator[Flag]:
    peers = [each for each in optimized if each.task and each.task == entry.task]
    sizes = [each.parameters for each in peers if each.parameters]
    if entry.parameters and len(sizes) >= FEWEST:
        median = statistics.median(sizes)
        if entry.parameters > TIMES * median:
            yield Flag(
                code="parameters.many",
                sentence=f"It has {_millions(entry.parameters)} parameters; the {len(sizes)} "
                f"optimized models of its task have {_millions(median)} in the median.",
            )
    small = [each for each in peers if each.precision == "int8"]
    if entry.precision == "fp32" and entry.status != "optimized" and small:
        yield Flag(
            code="precision.full",
            sentence=f"It serves in fp32; {len(small)} of {len(peers)} optimized models of its "
            "task were decided for in int8.",
        )
    held = max((each.accelerators for each in entry.served_by), default=0)
    if held and entry.parameters and entry.parameters <= SMALL:
        yield Flag(
            code="accelerator.small",
            sentence=f"It holds {held} accelerator{'s' * (held > 1)} for "
            f"{_millions(entry.parameters)} parameters, few enough for processor cores.",
        )
    now = in_force.get(entry.policy_name or "")
    if now is not None and now != entry.policy_sha256:
        yield Flag(
            code="policy.changed",
            sentence=f"The policy {entry.policy_name} has changed since it was decided on.",
        )


def _millions(count: float) -> str:
    return f"{count / 1e6:,.3g} M"
