"""Points as rows of numbers, for samplers that measure distances.

A number is its place in its range, on its own scale; a choice of ascending numbers or of two values is its position;
any other choice has a column for each value. What a point does not have (a condition does not hold, another entry has
it, the engine's default is not known) lies in the middle, as far from one end as from the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from runner.domain.parameters import Choice, Float, Int, Parameter, Point, Scalar, Space
from runner.samplers._space_to_optuna import contains, ordinal, shared
from runner.space.expand import ordered

Array: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"

APART = 0.7
"""A column of a choice is 0 or this: two values are then about as far apart as the ends of a range, sqrt(2) x 0.7."""


def place(parameter: Parameter, value: Scalar) -> float:
    """Where `value`, which lies in `parameter`, is in it: 0 to 1."""
    match parameter:
        case Choice(values):
            at = next(i for i, known in enumerate(values) if type(known) is type(value) and known == value)
            return at / max(1, len(values) - 1)
        case Int(low, high, log) | Float(low, high, log):
            assert not isinstance(value, str)
            if low == high:
                return 0.5
            return math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)


class Coder:
    """`groups` gives each column's parameter as a number below `parameters`: columns of one parameter share a scale."""

    def __init__(self, space: Space) -> None:
        self._common = shared(space)
        self._entries = {entry.entry: index for index, entry in enumerate(space.entries)}
        several = len(space.entries) > 1
        # First whether the point is the default of its entry, then, with several entries, which of them it is of.
        self.groups = list(range(len(space.entries))) + [len(space.entries)] * (len(space.entries) if several else 0)
        self._several = several
        self._columns: dict[str, tuple[int, Parameter]] = {}
        middle = [0.0] * len(self.groups)
        for entry in space.entries:
            for name in ordered(entry):
                key, parameter = self._key(entry.entry, name), entry.parameters[name]
                if key not in self._columns:
                    self._columns[key] = len(middle), parameter
                    width = _width(parameter)
                    self.groups += [self.groups[-1] + 1] * width
                    middle += [0.5 if width == 1 else APART / width] * width
        self._middle = np.array(middle)
        self.parameters = self.groups[-1] + 1

    def _key(self, entry: str, name: str) -> str:
        return name if name in self._common else f"{entry}.{name}"

    def row(self, point: Point) -> Array:
        row = self._middle.copy()
        entry = self._entries[point.entry]
        if not point.values:
            row[entry] = APART
        if self._several:
            row[len(self._entries) + entry] = APART
        for name, value in point.values.items():
            at, parameter = self._columns.get(self._key(point.entry, name), (0, None))
            if parameter is None or not contains(parameter, value):
                continue  # a warm start brings values of another space
            width, where = _width(parameter), place(parameter, value)
            if width == 1:
                row[at] = where
            else:
                row[at : at + width] = 0.0
                row[at + round(where * (width - 1))] = APART
        return row

    def rows(self, points: Sequence[Point]) -> Array:
        return np.array([self.row(point) for point in points]).reshape(len(points), len(self._middle))


def _width(parameter: Parameter) -> int:
    if isinstance(parameter, Choice) and len(parameter.values) > 2 and not ordinal(parameter.values):
        return len(parameter.values)
    return 1
