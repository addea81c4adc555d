"""What a sampler learns from, and how it keeps away from what ran before."""

from __future__ import annotations

import random
from collections.abc import Sequence, Set

from runner.domain.parameters import Point, Space
from runner.samplers import Told
from runner.samplers._seeding import point_key
from runner.space.expand import random_point

MOST_DRAWS = 50
"""Random points drawn to find one that is not known."""


def learnable(history: Sequence[Told]) -> list[Told]:
    """What says something about its configuration: successes and failures, not trials that nothing is known of."""
    return [told for told in history if told.score is not None or told.severity > 0]


def taken_keys(history: Sequence[Told], pending: Sequence[Point]) -> set[str]:
    """Points not to propose: what has run here or is running. What another campaign measured (negative numbers) is
    known, and may be wanted all the same."""
    ran = (told.point for told in history if told.number >= 0)
    return {point_key(point) for point in (*ran, *pending)}


def unknown_point(space: Space, taken: Set[str], rng: random.Random) -> Point:
    """A random point whose key is not in `taken`, as far as some draws find one: a small space may be used up."""
    point = random_point(space, rng)
    for _ in range(MOST_DRAWS):
        if point_key(point) not in taken:
            break
        point = random_point(space, rng)
    return point
