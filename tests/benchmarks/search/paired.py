"""Wilcoxon's signed-rank test, exact: which of two searches is better over the same instances and seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def signed_rank(differences: Sequence[float]) -> float:
    """Two-sided p-value that differences are as often above zero as below; zeros are left out, ties share their rank.

    Exact by counting: of all 2^n ways to deal the signs, how many are at least as lopsided.
    """
    told = [d for d in differences if d != 0]
    if not told:
        return 1.0
    sizes = Counter(abs(d) for d in told)
    rank, doubled = {}, 0  # doubled ranks, so that a shared one is whole
    for size in sorted(sizes):
        rank[size] = 2 * doubled + sizes[size] + 1
        doubled += sizes[size]
    ways = {0: 1}
    for d in told:
        more: dict[int, int] = dict(ways)
        for total, count in ways.items():
            more[total + rank[abs(d)]] = more.get(total + rank[abs(d)], 0) + count
        ways = more
    above, whole = sum(rank[abs(d)] for d in told if d > 0), sum(rank[abs(d)] for d in told)
    least = min(above, whole - above)
    tail = sum(count for total, count in ways.items() if total <= least)
    return float(min(1.0, 2 * tail / 2 ** len(told)))
