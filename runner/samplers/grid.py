"""`grid`: every point of the grid once, in an order shuffled by the campaign's seed.

In listed order a capped grid would never vary its first parameter. Points that a `where` refuses come last: they cost
no deployment, but each refusal costs an ask.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from runner.domain.campaign import Goal, Search
from runner.domain.ids import content_hash
from runner.domain.parameters import Point, Scalar, Space
from runner.samplers import Sampler, Told
from runner.samplers._seeding import generator, point_key
from runner.space.constraints import explain
from runner.space.expand import enumerate_points, grid_values, is_active, known_names, ordered, size
from runner.util.codec import to_plain

MOST_LISTED = 20_000
"""A larger grid is not listed: so many of its points are drawn instead, more than any budget can deploy."""

_ORDERS: dict[str, tuple[Point, ...]] = {}


class Grid:
    """Ends (None) when every point has run, is pending or was refused."""

    name = "grid"

    def ask(
        self,
        space: Space,
        goal: Goal,
        history: Sequence[Told],
        pending: Sequence[Point],
        search: Search,
        number: int,
        skip: int,
    ) -> Point | None:
        used = {point_key(point) for point in (*(told.point for told in history), *pending)}
        left = skip
        for point in _order(space, search.seed):
            if point_key(point) in used:
                continue
            if left == 0:
                return point
            left -= 1
        return None


def _order(space: Space, seed: int) -> tuple[Point, ...]:
    """The whole order. Kept between asks, by content: a pure function of the space and the seed."""
    key = content_hash([to_plain(space), seed])
    if key not in _ORDERS:
        _ORDERS.clear()
        _ORDERS[key] = _shuffled(space, seed)
    return _ORDERS[key]


def _shuffled(space: Space, seed: int) -> tuple[Point, ...]:
    rng = generator(seed, 0, 0)
    if size(space) > MOST_LISTED:
        points = _drawn(space, rng)
    else:
        points = list(enumerate_points(space))
        rng.shuffle(points)
    return tuple(sorted(points, key=lambda point: _refused(space, point)))  # stable: the shuffled order stays


def _drawn(space: Space, rng: random.Random) -> list[Point]:
    """Distinct random points of the grid, each entry as often as any other."""
    found: dict[str, Point] = {}
    for _ in range(4 * MOST_LISTED):
        entry = space.entries[rng.randrange(len(space.entries))]
        values: dict[str, Scalar] = {}
        for name in ordered(entry):
            if is_active(entry, name, values, space.constants):
                values[name] = rng.choice(grid_values(entry.parameters[name]))
        point = Point(entry.entry, values)
        found.setdefault(point_key(point), point)
        if len(found) >= MOST_LISTED:
            break
    return list(found.values())


def _refused(space: Space, point: Point) -> bool:
    entry = space.entry(point.entry)
    names = known_names(entry, point.values, space.constants)
    return any(explain(text, names) is not None for text in entry.where)


SAMPLER: Sampler = Grid()
