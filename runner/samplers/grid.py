"""`grid`: every point of the grid once, in an order shuffled by the campaign's seed.

In listed order a capped grid would never vary its first parameter. The head of the order is balanced besides: of a few
shuffled candidates the one whose values have come least often is next. Points that a `where` refuses come last: they
cost no deployment, but each refusal costs an ask.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Sequence

from runner.domain.campaign import Goal, Search
from runner.domain.ids import canonical, content_hash
from runner.domain.parameters import Point, Scalar, Space
from runner.samplers import Sampler, Told
from runner.samplers._seeding import generator, point_key
from runner.space.constraints import explain
from runner.space.expand import enumerate_points, grid_values, is_active, known_names, ordered, size
from runner.util.codec import to_plain

MOST_LISTED = 10_000
"""A larger grid is not listed: MOST_DRAWN of its points are drawn instead, more than any budget can deploy."""
MOST_DRAWN = 2_000

BALANCED = 256
CANDIDATES = 12
"""So many points of the head are balanced, each chosen among so many: a longer head is dealt as it was shuffled."""

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
    refused = [point for point in points if _refused(space, point)]
    keys = {point_key(point) for point in refused}
    return (*_balanced([point for point in points if point_key(point) not in keys]), *refused)


def _balanced(points: list[Point]) -> list[Point]:
    """The same points; in the head, each value of each parameter comes about as often as the others."""
    left, head = deque(points), list[Point]()
    seen: Counter[tuple[str, str, str]] = Counter()
    while left and len(head) < BALANCED:
        candidates = [left.popleft() for _ in range(min(CANDIDATES, len(left)))]
        often = [sum(seen[value] for value in _values(point)) for point in candidates]
        best = candidates.pop(often.index(min(often)))  # not remove(): to Python, true is 1
        left.extendleft(reversed(candidates))
        seen.update(_values(best))
        head.append(best)
    return [*head, *left]


def _values(point: Point) -> list[tuple[str, str, str]]:
    """What is counted: the entry, and each of its values."""
    chosen = [(point.entry, name, canonical(value)) for name, value in point.values.items()]
    return [(point.entry, "", ""), *chosen]


def _drawn(space: Space, rng: random.Random) -> list[Point]:
    """Distinct random points of the grid, each entry as often as any other."""
    listed = {entry.entry: {name: grid_values(p) for name, p in entry.parameters.items()} for entry in space.entries}
    found: dict[str, Point] = {}
    for _ in range(4 * MOST_DRAWN):
        entry = space.entries[rng.randrange(len(space.entries))]
        values: dict[str, Scalar] = {}
        for name in ordered(entry):
            if is_active(entry, name, values, space.constants):
                values[name] = rng.choice(listed[entry.entry][name])
        point = Point(entry.entry, values)
        found.setdefault(point_key(point), point)
        if len(found) >= MOST_DRAWN:
            break
    return list(found.values())


def _refused(space: Space, point: Point) -> bool:
    entry = space.entry(point.entry)
    names = known_names(entry, point.values, space.constants)
    return any(explain(text, names) is not None for text in entry.where)


SAMPLER: Sampler = Grid()
