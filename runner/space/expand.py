"""Points of a space: which parameters are active, the grid, a random point, how many there are.

Parameters are always taken in one order, that of `ordered`: a parameter after those its condition mentions, else by
name. So the order of keys in a campaign file changes neither the grid nor what a seed draws.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from functools import lru_cache

from runner.domain.parameters import Choice, EntrySpace, Float, Int, Parameter, Point, Scalar, Space, Values
from runner.space.constraints import holds
from runner.space.expressions import ExpressionError, names_in

GRID_VALUES = 5
"""A range of numbers has at most so many values on a grid."""

DIGITS = 6
"""Significant digits of a drawn number: more say nothing about an engine and spoil the command line."""

_MOST_COUNTED = 200_000


def ordered(space: EntrySpace) -> tuple[str, ...]:
    """Parameter names, each after those its `when` mentions. Raises ExpressionError for a circle."""
    return _ordered(tuple(sorted((name, p.when) for name, p in space.parameters.items())))


@lru_cache(maxsize=256)
def _ordered(conditions: tuple[tuple[str, str | None], ...]) -> tuple[str, ...]:
    names = {name for name, _ in conditions}
    waiting = {name: (names_in(when) & names if when else frozenset()) for name, when in conditions}
    done: list[str] = []
    while waiting:
        ready = [name for name in sorted(waiting) if waiting[name] <= set(done)]
        if not ready:
            raise ExpressionError(f"the conditions of {', '.join(sorted(waiting))} depend on each other in a circle")
        done.append(ready[0])
        del waiting[ready[0]]
    return tuple(done)


def known_names(space: EntrySpace, values: Values, constants: Values) -> dict[str, Scalar]:
    """What an expression may see at a point: constants, the entry's fixed flags, and the point's own values."""
    return {**constants, **space.fixed, **values}


def is_active(space: EntrySpace, name: str, values: Values, constants: Values) -> bool:
    """Whether the parameter exists given the values chosen so far (those before it in `ordered`)."""
    when = space.parameters[name].when
    return when is None or holds(when, known_names(space, values, constants))


def active(space: EntrySpace, values: Values, constants: Values) -> dict[str, Scalar]:
    """`values` without those of inactive parameters. A missing value leaves its parameter at the engine's default."""
    kept: dict[str, Scalar] = {}
    for name in ordered(space):
        if name in values and is_active(space, name, kept, constants):
            kept[name] = values[name]
    return kept


def grid_values(parameter: Parameter) -> tuple[Scalar, ...]:
    """All choices; every number of a short range; else at most GRID_VALUES over the range, both ends included."""
    match parameter:
        case Choice(values):
            return values
        case Int(low, high, log, step):
            count = (high - low) // step + 1
            if count <= GRID_VALUES:
                return tuple(range(low, high + 1, step))
            return tuple(dict.fromkeys(_snapped(x, parameter) for x in _spread(low, high, log)))
        case Float(low, high, log):
            return tuple(dict.fromkeys(tidy(x) for x in _spread(low, high, log)))


def _spread(low: float, high: float, log: bool) -> list[float]:
    parts = [i / (GRID_VALUES - 1) for i in range(GRID_VALUES)]
    if log:
        return [low * (high / low) ** part for part in parts]
    return [low + (high - low) * part for part in parts]


def _snapped(value: float, parameter: Int) -> int:
    """The nearest value on the steps of the range."""
    steps = round((value - parameter.low) / parameter.step)
    most = (parameter.high - parameter.low) // parameter.step
    return parameter.low + min(max(steps, 0), most) * parameter.step


def tidy(value: float) -> float:
    """`value` to DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")


def random_value(parameter: Parameter, rng: random.Random) -> Scalar:
    """One value, uniform (on a log scale where the parameter says so)."""
    match parameter:
        case Choice(values):
            return values[rng.randrange(len(values))]
        case Int(low, high, log, step):
            if not log:
                return low + step * rng.randrange((high - low) // step + 1)
            # Half a step more on both sides, so that the ends are as likely as what lies between.
            return _snapped(math.exp(rng.uniform(math.log(low - 0.5), math.log(high + 0.5))), parameter)
        case Float(low, high, log):
            drawn = math.exp(rng.uniform(math.log(low), math.log(high))) if log else rng.uniform(low, high)
            return min(max(tidy(drawn), low), high)


def random_point(space: Space, rng: random.Random) -> Point:
    """A point that satisfies every `when`: each entry equally likely. `where` may fail."""
    entry = space.entries[rng.randrange(len(space.entries))]
    values: dict[str, Scalar] = {}
    for name in ordered(entry):
        if is_active(entry, name, values, space.constants):
            values[name] = random_value(entry.parameters[name], rng)
    return Point(entry.entry, values)


def enumerate_points(space: Space) -> Iterator[Point]:
    """The grid, entry by entry, last parameter fastest, each point once. Lazy: a grid may have millions."""
    for entry in space.entries:
        for values in _grid(entry, ordered(entry), {}, space.constants):
            yield Point(entry.entry, values)


def _grid(entry: EntrySpace, left: tuple[str, ...], chosen: Values, constants: Values) -> Iterator[dict[str, Scalar]]:
    if not left:
        yield dict(chosen)
        return
    name, rest = left[0], left[1:]
    if not is_active(entry, name, chosen, constants):
        yield from _grid(entry, rest, chosen, constants)
        return
    for value in grid_values(entry.parameters[name]):
        yield from _grid(entry, rest, {**chosen, name: value}, constants)


def size(space: Space) -> int:
    """Points of the grid, over all entries. Exact, except that an entry with more than 200,000 combinations of
    conditional parameters counts as if all of them were always active (an upper bound)."""
    return sum(_entry_size(entry, space.constants) for entry in space.entries)


def _entry_size(entry: EntrySpace, constants: Mapping[str, Scalar]) -> int:
    linked: set[str] = set()
    for name, parameter in entry.parameters.items():
        if parameter.when is not None:
            linked |= {name, *(names_in(parameter.when) & set(entry.parameters))}
    free = math.prod(len(grid_values(p)) for name, p in entry.parameters.items() if name not in linked)
    most = math.prod(len(grid_values(entry.parameters[name])) for name in linked)
    if most > _MOST_COUNTED:
        return free * most
    left = tuple(name for name in ordered(entry) if name in linked)
    return free * sum(1 for _ in _grid(entry, left, {}, constants))
