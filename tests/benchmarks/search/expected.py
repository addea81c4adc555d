"""Another sampler, to compare with: expected improvement times the probability to serve, from two Gaussian processes.

numpy alone. One process for the logarithm of the score, over what succeeded; one for how a deployment ended, over all:
1 for a success, below zero for a failure and the further the more severe. While nothing has succeeded the next point
is the one that is expected to get furthest beyond what got furthest.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Choice, Parameter, Point, Scalar, Space
from runner.samplers import Told
from runner.samplers._optuna import learnable
from runner.samplers._seeding import generator, point_key
from runner.samplers._space_to_optuna import contains, shared
from runner.space.expand import is_active, ordered, random_point, random_value
from tests.benchmarks.search.terrain import ordinal, place

RANDOM, MUTANTS, PARENTS = 250, 40, 4
STEPS = 30
ASKS_BEFORE_RANDOM = 8

Array = Any


@dataclass
class Coder:
    """Points as rows of numbers: a number by its place in its range, a choice as one column for each value. What a
    point does not have lies in the middle. `groups` says which columns share a length scale."""

    space: Space

    def __post_init__(self) -> None:
        common = shared(self.space)
        self.columns: dict[str, tuple[int, Parameter]] = {}
        self.keys: dict[tuple[str, str], str] = {}
        self.groups: list[int] = []
        self.order: dict[str, dict[tuple[type, Scalar], int]] = {}
        self.sizes: dict[str, int] = {}
        width = 0
        for index, _ in enumerate(self.space.entries):
            self.groups += [index]  # whether it is the default of that entry
            width += 1
        group = width
        if len(self.space.entries) > 1:
            self.entry_at = width
            self.groups += [group] * len(self.space.entries)
            width += len(self.space.entries)
            group += 1
        for entry in self.space.entries:
            for name in ordered(entry):
                key = name if name in common else f"{entry.entry}.{name}"
                self.keys[entry.entry, name] = key
                if key in self.columns:
                    continue
                parameter = entry.parameters[name]
                self.columns[key] = (width, parameter)
                size = self.sizes[key] = self._size(parameter)
                if isinstance(parameter, Choice):
                    self.order[key] = {(type(v), v): index for index, v in enumerate(parameter.values)}
                self.groups += [group] * size
                width, group = width + size, group + 1
        self.width, self.count = width, group
        self.middle = np.zeros(width)
        for at, parameter in self.columns.values():
            size = self._size(parameter)
            self.middle[at : at + size] = 0.5 if size == 1 else 0.7 / size
        self.number = {entry.entry: index for index, entry in enumerate(self.space.entries)}

    def _size(self, parameter: Parameter) -> int:
        if isinstance(parameter, Choice) and not ordinal(parameter) and len(parameter.values) > 2:
            return len(parameter.values)
        return 1

    def row(self, point: Point) -> Array:
        coded = self.middle.copy()
        index = self.number[point.entry]
        if not point.values:
            coded[index] = 0.7
        if len(self.space.entries) > 1:
            coded[self.entry_at + index] = 0.7
        for name, value in point.values.items():
            key = self.keys.get((point.entry, name))
            if key is None:
                continue
            at, parameter = self.columns[key]
            if not self._holds(key, parameter, value):
                continue
            if self.sizes[key] == 1:
                coded[at] = self._place(key, parameter, value)
            else:
                assert isinstance(parameter, Choice)
                coded[at : at + len(parameter.values)] = 0
                coded[at + self.order[key][type(value), value]] = 0.7
        return coded

    def _holds(self, key: str, parameter: Parameter, value: Scalar) -> bool:
        if isinstance(parameter, Choice):
            return (type(value), value) in self.order[key]
        return contains(parameter, value)

    def _place(self, key: str, parameter: Parameter, value: Scalar) -> float:
        if isinstance(parameter, Choice):
            return self.order[key][type(value), value] / max(1, len(parameter.values) - 1)
        return place(parameter, value)

    def rows(self, points: Sequence[Point]) -> Array:
        return np.array([self.row(point) for point in points]).reshape(len(points), self.width)


class Process:
    """A Gaussian process, Matern 5/2, a length scale for each parameter, fitted by a few steps uphill."""

    def __init__(self, coder: Coder, x: Array, y: Array, noise: float) -> None:
        self._x, self._mean = x, float(np.mean(y))
        self._spread = float(np.std(y)) or 1.0
        y = (y - self._mean) / self._spread
        groups = np.array(coder.groups)
        differences = (x[:, None, :] - x[None, :, :]) ** 2
        self._groups = groups
        parts = np.zeros((coder.count, len(x), len(x)))
        for column, group in enumerate(groups):
            parts[group] += differences[:, :, column]
        self._logs = np.full(coder.count + 1, math.log(1.0))
        self._logs[-1] = math.log(noise)
        self._climb(parts, y)
        self._solve(parts, y)

    def _kernel(self, distance2: Array) -> tuple[Array, Array]:
        r = np.sqrt(5 * distance2 + 1e-12)
        e = np.exp(-r)
        return (1 + r + r * r / 3) * e, -(5 / 6) * (1 + r) * e  # value, and its derivative by distance2

    def _climb(self, parts: Array, y: Array) -> None:
        """Rprop on the log posterior of the logarithms of 1 / length^2 and of the noise."""
        step, before = np.full(len(self._logs), 0.3), np.zeros(len(self._logs))
        prior = np.full(len(self._logs), math.log(0.6))
        prior[-1] = self._logs[-1]
        for _ in range(STEPS):
            theta = np.exp(self._logs[:-1])
            value, slope = self._kernel(np.tensordot(theta, parts, 1))
            noise = math.exp(self._logs[-1])
            inverse = np.linalg.inv(value + (noise + 1e-6) * np.eye(len(y)))
            alpha = inverse @ y
            inner = 0.5 * (np.outer(alpha, alpha) - inverse)
            gradient = np.empty(len(self._logs))
            gradient[:-1] = np.tensordot(parts, inner * slope, ([1, 2], [0, 1])) * theta
            gradient[-1] = np.trace(inner) * noise
            gradient -= (self._logs - prior) / 1.5**2
            same = gradient * before
            step = np.where(same > 0, np.minimum(step * 1.3, 1.0), np.where(same < 0, step * 0.5, step))
            self._logs = np.clip(self._logs + np.sign(gradient) * step, math.log(1e-4), math.log(60))
            before = gradient

    def _solve(self, parts: Array, y: Array) -> None:
        self._theta = np.exp(self._logs[:-1])
        value, _ = self._kernel(np.tensordot(self._theta, parts, 1))
        self._inverse = np.linalg.inv(value + (math.exp(self._logs[-1]) + 1e-6) * np.eye(len(y)))
        self._alpha = self._inverse @ y

    def at(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation."""
        weights = np.sqrt(self._theta[self._groups])
        a, b = x * weights, self._x * weights
        distance2 = np.maximum(0, (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2 * a @ b.T)
        value, _ = self._kernel(distance2)
        mean = value @ self._alpha
        variance = np.maximum(1e-9, 1 - np.einsum("ij,jk,ik->i", value, self._inverse, value))
        return self._mean + self._spread * mean, self._spread * np.sqrt(variance)


_ERF = np.vectorize(math.erf)


def below(z: Array) -> Array:
    return 0.5 * (1 + _ERF(z / math.sqrt(2)))


def improvement(mean: Array, spread: Array, best: float) -> Array:
    z = (mean - best) / spread
    return spread * (z * below(z) + np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))


class Expected:
    name = "expected"

    def ask(
        self, space: Space, goal: Goal, history: Sequence[Told], pending: Sequence[Point], search: Search,
        number: int, skip: int,
    ) -> Point | None:  # fmt: skip
        known = learnable(history)
        rng = generator(search.seed, number, skip)
        if len(known) < search.startup or skip >= ASKS_BEFORE_RANDOM:
            return random_point(space, rng)
        coder = Coder(space)
        ended = np.array([1.0 if told.score is not None else -0.25 - told.severity for told in known])
        x = coder.rows([told.point for told in known])
        serving = [index for index, told in enumerate(known) if told.score is not None]
        taken = {point_key(point) for point in (*(told.point for told in history), *pending)}
        scores = _logs([known[index].score or 0.0 for index in serving], goal)
        parents = [known[index].point for index in sorted(serving, key=lambda i: -scores[serving.index(i)])[:PARENTS]]
        if not serving:
            parents = [told.point for told in sorted(known, key=lambda told: told.severity)[:PARENTS]]
        candidates = _candidates(space, parents, rng, skip, taken)
        if not candidates:
            return random_point(space, rng)
        c = coder.rows(candidates)
        if serving and len(serving) < len(known):
            feasible = Process(coder, x, ended, 0.02)
            mean, spread = feasible.at(c)
            chance = below(mean / spread)
        elif serving:
            chance = np.ones(len(c))
        else:
            feasible = Process(coder, x, ended, 0.02)
            gain = improvement(*feasible.at(c), float(ended.max()))
            return candidates[int(np.argmax(gain))]
        if len(serving) < 2:
            return candidates[int(np.argmax(chance * np.array([rng.random() for _ in candidates])))]
        score = Process(coder, x[serving], scores, 0.02)
        best = float(np.max(score.at(x[serving])[0]))
        gain = improvement(*score.at(c), best)
        return candidates[int(np.argmax(gain * chance))]


def _logs(scores: Sequence[float], goal: Goal) -> Array:
    """To be made large; logarithms where all are positive, and nothing further below the median than it is above."""
    values = np.array(scores, dtype=float)
    if len(values) and values.min() > 0:
        values = np.log(values)
    values = values if goal is Goal.MAXIMIZE else -values
    if len(values) > 4:
        middle = float(np.median(values))
        values = np.maximum(values, middle - 2 * max(1e-9, float(values.max()) - middle))
    return values


def _candidates(space: Space, parents: Sequence[Point], rng: random.Random, skip: int, taken: set[str]) -> list[Point]:
    found: dict[str, Point] = {}
    for _ in range(max(10, RANDOM >> skip)):
        point = random_point(space, rng)
        found[point_key(point)] = point
    for parent in parents:
        for _ in range(max(5, MUTANTS >> skip) if parent.values else 0):
            point = _mutant(space, parent, rng)
            found[point_key(point)] = point
    return [point for key, point in found.items() if key not in taken]


def _mutant(space: Space, parent: Point, rng: random.Random) -> Point:
    """One to three values are others: a number near by, or any."""
    entry = space.entry(parent.entry)
    names = ordered(entry)
    changed = set(rng.sample(names, min(len(names), rng.choice((1, 1, 2, 3)))))
    values: dict[str, Scalar] = {}
    for name in names:
        if not is_active(entry, name, values, space.constants):
            continue
        parameter = entry.parameters[name]
        if name in parent.values and name not in changed and contains(parameter, parent.values[name]):
            values[name] = parent.values[name]
        elif name in parent.values and contains(parameter, parent.values[name]) and not isinstance(parameter, Choice):
            drawn = [random_value(parameter, rng) for _ in range(8)]  # the nearest of some: a step of a tenth or so
            here = place(parameter, parent.values[name])
            drawn.sort(key=lambda value: abs(place(parameter, value) - here))
            values[name] = drawn[rng.choice((0, 0, 1))]
        else:
            values[name] = random_value(parameter, rng)
    return Point(parent.entry, values)
