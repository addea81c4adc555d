"""Do the values of one group tend to be lower than those of another? The rank-sum test, exact where that is cheap.

It asks only for an order, which is all that severities have. Sources: F. Wilcoxon, Biometrics Bulletin 1 (1945) 80-83;
H. B. Mann, D. R. Whitney, Annals of Mathematical Statistics 18 (1947) 50-60. Several tests at once: S. Holm,
Scandinavian Journal of Statistics 6 (1979) 65-70.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from statistics import NormalDist

MOST_SUMS = 40
"""Up to so many values the chances are counted exactly; beyond, the normal approximation is good to a few percent."""


def rank_sum(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided probability that ranks split between groups of these sizes by chance are at least as uneven as those
    of `a` and `b`. Ties share their rank. In (0, 1]; 1 when a group is empty."""
    if not a or not b:
        return 1.0
    ranks = double_ranks([*a, *b])
    mine = sum(ranks[: len(a)])
    expected = len(a) * (len(ranks) + 1)  # of doubled ranks
    off = abs(mine - expected)
    if len(ranks) <= MOST_SUMS:
        counts = _sums(tuple(sorted(ranks)), len(a))
        extreme = sum(n for total, n in counts.items() if abs(total - expected) >= off)
        return extreme / math.comb(len(ranks), len(a))
    return _approximate(ranks, len(a), off)


def holm(probabilities: Sequence[float]) -> list[float]:
    """Each probability, corrected for how many were looked at, in the given order."""
    order = sorted(range(len(probabilities)), key=lambda i: probabilities[i])
    corrected = [1.0] * len(probabilities)
    floor = 0.0
    for step, index in enumerate(order):
        floor = max(floor, min(1.0, probabilities[index] * (len(order) - step)))
        corrected[index] = floor
    return corrected


def double_ranks(values: Sequence[float]) -> list[int]:
    """Twice the rank of each value, so that shared ranks are whole numbers."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    ranks = [0] * len(values)
    below = 0
    for _, group in groupby(order, key=lambda i: values[i]):
        members = list(group)
        for index in members:
            ranks[index] = 2 * below + len(members) + 1
        below += len(members)
    return ranks


@cache
def _sums(ranks: tuple[int, ...], size: int) -> dict[int, int]:
    """Sum -> in how many ways `size` of the ranks add up to it."""
    ways: list[dict[int, int]] = [{0: 1}, *({} for _ in range(size))]
    for rank in ranks:
        for chosen in range(size, 0, -1):
            for total, n in ways[chosen - 1].items():
                ways[chosen][total + rank] = ways[chosen].get(total + rank, 0) + n
    return ways[size]


def _approximate(ranks: Sequence[int], size: int, off: float) -> float:
    """Normal approximation with ties; the variance is that of a sum of `size` ranks drawn without putting back."""
    n = len(ranks)
    mean = sum(ranks) / n
    spread = sum((rank - mean) ** 2 for rank in ranks) / n
    variance = spread * size * (n - size) / (n - 1)
    if variance <= 0:
        return 1.0
    z = max(0.0, off - 1) / math.sqrt(variance)  # doubled ranks: half a step is 1
    return min(1.0, max(math.ulp(0.0), 2 * (1 - NormalDist().cdf(z))))
