"""Signs that a model is larger, or served dearer, than its task asks for."""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from leanstage.contracts import AuditEntry, Flag, ModelPolicy

TIMES = 3.0
"""How many times the median of its peers a model may have before it stands out."""
FEWEST = 3
"""Peers that a median rests on at least."""
SMALL = 150_000_000
"""Parameters of an encoder for which processor cores are worth a try: docs/audit.md."""


@dataclass(frozen=True)
class _Peers:
    """The optimized models of one task."""

    count: int
    int8: int
    sizes: int
    median: float

    @classmethod
    def among(cls, entries: Sequence[AuditEntry]) -> Self:
        sizes = [each.parameters for each in entries if each.parameters]
        return cls(
            count=len(entries),
            int8=sum(each.precision == "int8" for each in entries),
            sizes=len(sizes),
            median=statistics.median(sizes) if sizes else 0.0,
        )


def flagged(entries: Sequence[AuditEntry], policies: Sequence[ModelPolicy]) -> list[AuditEntry]:
    """The entries with what stands out in each."""
    in_force = {policy.name: policy.sha256() for policy in policies}
    by_task: dict[str, list[AuditEntry]] = defaultdict(list)
    for entry in entries:
        if entry.status == "optimized" and entry.task:
            by_task[entry.task].append(entry)
    peers = {task: _Peers.among(found) for task, found in by_task.items()}
    nobody = _Peers.among(())
    return [
        entry.model_copy(
            update={"flags": tuple(_flags(entry, peers.get(entry.task or "", nobody), in_force))}
        )
        for entry in entries
    ]


def _flags(entry: AuditEntry, peers: _Peers, in_force: Mapping[str, str]) -> Iterator[Flag]:
    many = entry.parameters is not None and entry.parameters > TIMES * peers.median
    if entry.parameters and many and peers.sizes >= FEWEST:
        yield Flag(
            code="parameters.many",
            sentence=f"It has {_millions(entry.parameters)} parameters; the {peers.sizes} "
            f"optimized models of its task have {_millions(peers.median)} in the median.",
        )
    if entry.precision == "fp32" and entry.status != "optimized" and peers.int8:
        yield Flag(
            code="precision.full",
            sentence=f"It serves in fp32; {peers.int8} of {peers.count} optimized models of its "
            "task were decided for in int8.",
        )
    held = max((each.accelerators for each in entry.served_by), default=0)
    small = entry.task == "text-classification" and (entry.parameters or SMALL + 1) <= SMALL
    if held and entry.parameters and small:
        yield Flag(
            code="accelerator.small",
            sentence=f"It holds {held} accelerator{'s' * (held > 1)} for "
            f"{_millions(entry.parameters)} parameters; see whether processor cores are enough.",
        )
    now = in_force.get(entry.policy_name or "")
    if now is not None and now != entry.policy_sha256:
        yield Flag(
            code="policy.changed",
            sentence=f"The policy {entry.policy_name} has changed since it was decided on.",
        )


def _millions(count: float) -> str:
    return f"{count / 1e6:,.3g} M"
