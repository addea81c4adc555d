"""A surface with a hidden best configuration, and walls behind which configurations die.

The optimum is exact by construction: every loss is zero at `best` and nowhere below zero, and every wall leaves `best`
standing. How hard a surface is (how much a random configuration loses, how many die) is set by quantiles of random
points, so that every instance of a landscape is about as hard as the next.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from runner.domain.failure import Cause, Phase
from runner.domain.ids import canonical
from runner.domain.parameters import Choice, EntrySpace, Float, Int, Parameter, Point, Scalar, Space, Values
from runner.space.expand import active, random_point

SAMPLE = 600
"""Random points from which quantiles are taken."""


def place(parameter: Parameter, value: Scalar) -> float:
    """Where a number lies in its range, 0 to 1, on its own scale; a choice by its position among the listed."""
    match parameter:
        case Choice(values):
            return [canonical(v) for v in values].index(canonical(value)) / max(1, len(values) - 1)
        case Int(low, high, log) | Float(low, high, log):
            assert not isinstance(value, str)
            if log:
                return math.log(value / low) / math.log(high / low)
            return (value - low) / (high - low)


@dataclass(frozen=True, slots=True)
class Surface:
    """`weights` per parameter, `tables` (a loss per value, 0 at the best) for unordered choices, `bends`: pairs of
    numbers that must move together. A parameter that is not active costs its weight: the best has it, or does not."""

    entry: EntrySpace
    constants: Values
    best: Values
    defaults: Values
    weights: Mapping[str, float]
    tables: Mapping[str, Mapping[str, float]]
    bends: Mapping[tuple[str, str], float]
    scale: float = 1.0
    moved: Mapping[str, float] | None = None
    """Where another workload has its best, as a shift of each number's place."""

    def whole(self, values: Values) -> dict[str, Scalar]:
        """The values that the engine runs with: what is not given is its default."""
        return active(self.entry, {**self.defaults, **values}, self.constants)

    def loss(self, values: Values) -> float:
        """At least 0; 0 at the best."""
        full = self.whole(values)
        away = {name: self._away(name, full) for name in self.entry.parameters}
        total = math.fsum(self.weights[name] * abs(d) * math.sqrt(abs(d)) for name, d in away.items())
        total += sum(w * (away[a] + away[b]) ** 2 for (a, b), w in self.bends.items())
        return self.scale * total

    def _away(self, name: str, full: Values) -> float:
        if (name in full) != (name in self.best):
            return 0.5
        if name not in full:
            return 0.0
        if name in self.tables:
            return self.tables[name][canonical(full[name])]
        parameter = self.entry.parameters[name]
        shift = (self.moved or {}).get(name, 0.0)
        return place(parameter, full[name]) - place(parameter, self.best[name]) - shift


@dataclass(frozen=True, slots=True)
class Wall:
    """Configurations with `height` above `limit` die in `phase` of `cause`."""

    phase: Phase
    cause: Cause
    height: Callable[[Values], float]
    limit: float
    levels_done: int = 0

    def stops(self, values: Values) -> bool:
        return self.height(values) > self.limit


def sample(entry: EntrySpace, constants: Values, rng: random.Random, count: int = SAMPLE) -> list[Values]:
    space = Space((entry,), constants)
    return [random_point(space, rng).values for _ in range(count)]


def surface(
    entry: EntrySpace, constants: Values, best: Values, defaults: Values, rng: random.Random, mean_loss: float,
    matter: int,
) -> Surface:  # fmt: skip
    """`matter` of the parameters carry most of the loss; over random points it is `mean_loss` on average."""
    names = sorted(entry.parameters)
    strong = set(rng.sample(names, min(matter, len(names))))
    weights = {name: rng.uniform(0.6, 1.4) if name in strong else rng.uniform(0.02, 0.12) for name in names}
    tables: dict[str, dict[str, float]] = {}
    for name in names:
        parameter = entry.parameters[name]
        if isinstance(parameter, Choice) and not ordinal(parameter):
            tables[name] = {canonical(v): rng.uniform(0.25, 1.0) for v in parameter.values}
            if name in best:
                tables[name][canonical(best[name])] = 0.0
    numbers = [name for name in sorted(strong) if name not in tables]
    bends = {(a, b): rng.uniform(0.3, 0.9) for a, b in zip(numbers[::2], numbers[1::2], strict=False)}
    made = Surface(entry, constants, best, defaults, weights, tables, bends)
    losses = [made.loss(values) for values in sample(entry, constants, rng, 300)]
    return Surface(entry, constants, best, defaults, weights, tables, bends, mean_loss * len(losses) / sum(losses))


def ordinal(parameter: Parameter) -> bool:
    """A choice of ascending numbers."""
    if not isinstance(parameter, Choice) or len(parameter.values) < 3:
        return False
    numbers = [v for v in parameter.values if not isinstance(v, bool | str)]
    return len(numbers) == len(parameter.values) and numbers == sorted(numbers)


def around(entry: EntrySpace, best: Values, names: Sequence[str], defaults: Values) -> Callable[[Values], float]:
    """How far a point is from `best` in these parameters: a choice is right or wrong, by 0.5."""

    def height(values: Values) -> float:
        full = {**defaults, **values}
        total = 0.0
        for name in names:
            parameter = entry.parameters[name]
            if name not in best or name not in full:
                total += 0.0 if name not in best else 0.5
            elif isinstance(parameter, Choice):
                total += 0.0 if full[name] == best[name] else 0.5
            else:
                total += abs(place(parameter, full[name]) - place(parameter, best[name]))
        return total

    return height


def at_quantile(height: Callable[[Values], float], among: Sequence[Values], share: float) -> float:
    """The limit that lets `share` of `among` pass."""
    ranked = sorted(height(values) for values in among)
    return ranked[min(len(ranked) - 1, round(share * len(ranked)))]


def point_at(entry: EntrySpace, values: Values) -> Point:
    return Point(entry.entry, dict(values))
