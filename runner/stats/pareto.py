"""The Pareto front: points that no other point beats in everything."""

from __future__ import annotations

import math
from collections.abc import Sequence


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
    return [index for index, point in turned.items() if not any(_beats(other, point) for other in turned.values())]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))
