"""A sampler that was tried beside those of tunebook: expected improvement times the probability to serve, from two
Gaussian processes. numpy alone.

One process for the logarithm of the score, over what succeeded; one for how deployments ended, over all of them: 1 for
a success, below zero for a failure, and the further the more severe. While nothing has succeeded, the point that is
expected to get furthest beyond what got furthest. The first `search.startup` judged trials are random, and so is a
proposal after ASKS_BEFORE_RANDOM refusals.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Choice, Point, Scalar, Space
from runner.samplers import Told
from runner.samplers._known import learnable, taken_keys, unknown_point
from runner.samplers._seeding import generator, point_key
from runner.samplers._space_to_optuna import contains
from runner.space.expand import is_active, ordered, random_point, random_value
from tests.benchmarks.search.gaussian import Process, chance_above_zero, improvement
from tests.benchmarks.search.numbers import Array, Coder, place

RANDOM, NEIGHBOURS, PARENTS = 200, 20, 4
"""Candidates: so many random points, and so many neighbours of each of the best that ran."""
ROUNDS, STEPS, CLIMBERS = 4, 10, 6
"""Then so many times so many neighbours of each of the best candidates."""
NEAR = (8, 32, 64)
"""A neighbour's number is the nearest or the next of so many random ones: round by round in smaller steps."""
FEWER = 2
"""Each refusal divides them by this, so that another one is found best among the rest."""
ASKS_BEFORE_RANDOM = 8
MOST_KNOWN = 150
"""Trials that are looked at, the latest: the work grows with their third power."""
BAD = 0.25
"""How far below zero the mildest failure lies; severity comes on top."""


class Gp:
    name = "gp"

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
        known = learnable(history)[-MOST_KNOWN:]
        rng = generator(search.seed, number, skip)
        taken = taken_keys(history, pending)
        if len(known) < search.startup or skip >= ASKS_BEFORE_RANDOM:
            return unknown_point(space, taken, rng)
        promise = _promise(Coder(space), known, pending, goal)
        fewer = FEWER**skip
        found = [random_point(space, rng) for _ in range(max(10, RANDOM // fewer))]
        for parent in _best(known, goal):
            count = max(5, NEIGHBOURS // fewer)
            found += [_neighbour(space, parent, NEAR[index % len(NEAR)], rng) for index in range(count)]
        worth = promise(found)
        for turn in range(ROUNDS if skip == 0 else 0):
            near = NEAR[min(turn, len(NEAR) - 1)]
            top = [found[index] for index in np.argsort(-worth, kind="stable")[:CLIMBERS].tolist()]
            more = [_neighbour(space, point, near, rng) for point in top for _ in range(STEPS)]
            found, worth = found + more, np.append(worth, promise(more))
        ranked: list[int] = np.argsort(-worth, kind="stable").tolist()
        for index in ranked:
            if point_key(found[index]) not in taken:
                return found[index]
        return unknown_point(space, taken, rng)


def _promise(
    coder: Coder, known: Sequence[Told], pending: Sequence[Point], goal: Goal
) -> Callable[[Sequence[Point]], Array]:
    """What points promise: the more the better. What is pending is taken to end as is expected of it."""
    rows, waiting = coder.rows([told.point for told in known]), coder.rows(pending)
    served = np.array([told.score is not None for told in known])
    ended = np.array([1.0 if told.score is not None else -BAD - told.severity for told in known])
    ending = None if served.all() else _believed(rows, ended, waiting, coder.groups)
    if ending is not None and not served.any():
        nearest = float(ended.max())
        return lambda points: improvement(*ending.at(coder.rows(points)), nearest)
    scores = _uphill([told.score for told in known if told.score is not None], goal)
    scoring = _believed(rows[served], scores, waiting, coder.groups)
    best = float(scoring.at(rows[served])[0].max())  # not the luckiest measurement

    def promise(points: Sequence[Point]) -> Array:
        new = coder.rows(points)
        gain = improvement(*scoring.at(new), best)
        return gain if ending is None else gain * chance_above_zero(*ending.at(new))

    return promise


def _believed(rows: Array, values: Array, waiting: Array, groups: Sequence[int]) -> Process:
    """A process over what was seen and, for what is pending, over what it expects there itself."""
    process = Process(rows, values, groups)
    if not len(waiting):
        return process
    return Process(np.vstack([rows, waiting]), np.append(values, process.at(waiting)[0]), groups)


def _uphill(scores: Sequence[float], goal: Goal) -> Array:
    """To be made large: logarithms where all are positive, and a bad one counts as no worse than twice as far below
    the median as the best is above it, so that one disaster does not flatten all the rest."""
    values = np.array(scores, dtype=float)
    if values.min() > 0:
        values = np.log(values)
    values = values if goal is Goal.MAXIMIZE else -values
    middle = float(np.median(values))
    return np.maximum(values, middle - 2 * (float(values.max()) - middle)) if len(values) > 4 else values


def _best(known: Sequence[Told], goal: Goal) -> list[Point]:
    """The best few successes; while there is none, the mildest failures."""
    sign = 1 if goal is Goal.MAXIMIZE else -1
    served = [(-sign * told.score, told.number, told.point) for told in known if told.score is not None]
    ranked = sorted(served or [(told.severity, told.number, told.point) for told in known], key=lambda one: one[:2])
    return [point for _, _, point in ranked[:PARENTS]]


def _neighbour(space: Space, parent: Point, near: int, rng: random.Random) -> Point:
    """`parent` with one to three other values: a number near by, or another choice."""
    entry = space.entry(parent.entry)
    names = ordered(entry)
    changed = set(rng.sample(names, min(len(names), rng.choice((1, 1, 2, 3)))))
    values: dict[str, Scalar] = {}
    for name in names:
        if not is_active(entry, name, values, space.constants):
            continue
        parameter, old = entry.parameters[name], parent.values.get(name)
        if old is None or not contains(parameter, old):
            values[name] = random_value(parameter, rng)
        elif name not in changed:
            values[name] = old
        elif isinstance(parameter, Choice):
            values[name] = random_value(parameter, rng)
        else:
            here = place(parameter, old)
            drawn = [random_value(parameter, rng) for _ in range(near)]
            drawn.sort(key=lambda value: abs(place(parameter, value) - here))
            values[name] = drawn[rng.choice((0, 0, 1))]
    return Point(parent.entry, values)
