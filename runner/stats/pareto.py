"""The Pareto front: points that no other point beats in everything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import ge


def pareto_front(points: Sequence[Sequence[float | None]], higher_is_better: Sequence[bool]) -> list[int]:
    """Indices of the points on the front, in the order given.

    One point beats another when it is at least as good in every coordinate and better in one; equal points do not
    beat each other, so ties stay together. A point with a missing or non-finite coordinate is never on the front and
    beats nobody.
    """
    turned: dict[int, tuple[float, ...]] = {}
    for index, point in enumerate(points):
        known = [value for value in point if value is not None and math.isfinite(value)]
        if len(known) == len(higher_is_better) == len(point):
            turned[index] = tuple(
                value if higher else -value for value, higher in zip(known, higher_is_better, strict=True)
            )
    # From the best in the first coordinate on: who beats a point comes before it, and so does one on the front that
    # beats it too.
    front: dict[int, tuple[float, ...]] = {}
    for index, point in sorted(turned.items(), key=lambda one: one[1], reverse=True):
        if not any(_beats(other, point) for other in front.values()):
            front[index] = point
    return sorted(front)


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return one != other and all(map(ge, one, other))


def hypervolume(
    points: Sequence[Sequence[float]], reference: Sequence[float], higher_is_better: Sequence[bool]
) -> float:
    """How much of the space between `reference` and the points some point covers, in the product of the coordinates'
    units: the measure of a front that grows with every point that adds to it (E. Zitzler and L. Thiele, PPSN V, 1998,
    "size of the space covered"). By slicing along the last coordinate (L. While et al., IEEE Transactions on
    Evolutionary Computation 10, 2006). A point that is worse than the reference in a coordinate covers nothing.

    Cost grows as n to the number of coordinates: meant for two or three and some hundred points.
    """
    signs = [1.0 if higher else -1.0 for higher in higher_is_better]
    gains = [
        tuple(sign * (value - zero) for value, zero, sign in zip(point, reference, signs, strict=True))
        for point in points
    ]
    return _covered([gain for gain in gains if all(value > 0 for value in gain)])


def _covered(gains: Sequence[tuple[float, ...]]) -> float:
    """Volume of the union of the boxes from 0 to each point; every coordinate is above 0."""
    if not gains:
        return 0.0
    if len(gains[0]) == 1:
        return max(gain[0] for gain in gains)
    heights = sorted({gain[-1] for gain in gains})
    total, below = 0.0, 0.0
    for height in heights:
        slab = [gain[:-1] for gain in gains if gain[-1] >= height]
        total += (height - below) * _covered(slab)
        below = height
    return total
