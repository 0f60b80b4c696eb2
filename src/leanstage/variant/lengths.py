"""Rows of like length together: padding is work that answers nobody."""

from collections.abc import Sequence
from itertools import groupby

MOST_CELLS = 2**20
"""Of a call, rows times the square of the longest: 64 rows of 128 tokens, or 4 of 512.

Memory grows with it, by attention's scores: 0.18 GB for so many in a layer of twelve heads.
"""


def groups_by_length(lengths: Sequence[int], call_tokens: int) -> list[list[int]]:
    """Which rows to answer together, so that the least is computed in all.

    A call on ``n`` rows costs ``call_tokens + n * longest`` tokens. Rows are sorted by length and
    cut where that sum over all calls is least (by dynamic programming over the distinct lengths;
    rows of one length are never better off apart).

    Args:
        lengths: tokens of each row.
        call_tokens: what a call costs beyond its tokens, in tokens.

    Returns:
        Positions of the rows by call, shortest rows first; each position once.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    same = [list(rows) for _, rows in groupby(order, key=lengths.__getitem__)]
    ends = [0]
    for rows in same:
        ends.append(ends[-1] + len(rows))
    least = [0.0]
    cuts = [0]
    for end in range(1, len(same) + 1):
        longest = lengths[same[end - 1][0]]
        costs = [least[cut] + (ends[end] - ends[cut]) * longest for cut in range(end)]
        cut = min(range(end), key=costs.__getitem__)
        least.append(costs[cut] + call_tokens)
        cuts.append(cut)
    groups: list[list[int]] = []
    end = len(same)
    while end:
        groups.append(order[ends[cuts[end]] : ends[end]])
        end = cuts[end]
    return groups[::-1]


def cut_to_memory(groups: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[list[int]]:
    """The same calls in the same order, those beyond :data:`MOST_CELLS` in several.

    Args:
        groups: positions of the rows by call.
        lengths: tokens of each row.
    """
    calls: list[list[int]] = []
    for group in groups:
        longest = max((lengths[row] for row in group), default=1)
        most = max(1, MOST_CELLS // max(1, longest) ** 2)
        calls += [list(group[start : start + most]) for start in range(0, len(group), most)]
    return calls
