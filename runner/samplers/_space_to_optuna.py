"""Our space in Optuna's terms: root choice `entry`, below it `<entry>.<parameter>`, walked define-by-run. Abstract
settings (`quantization.*`, `parallel.*`) stand without the entry where all mean the same by them.

A choice becomes its JSON text, because Optuna compares choices with ==, under which true is 1. Choices that are
ascending numbers are ordered: they become their position, so that 4 lies between 2 and 8. Ranges keep their own
distribution, whatever values have run, since Optuna drops a parameter whose distribution changes between trials.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from runner.domain.ids import canonical
from runner.domain.parameters import Choice, Float, Int, Parameter, Point, Scalar, Space
from runner.space.abstract import is_abstract
from runner.space.expand import is_active, ordered, tidy

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution

ENTRY = "entry"


def distribution(parameter: Parameter) -> BaseDistribution:
    from optuna import distributions as kinds

    match parameter:
        case Choice(values) if ordinal(values):
            return kinds.IntDistribution(0, len(values) - 1)
        case Choice(values):
            return kinds.CategoricalDistribution([canonical(value) for value in values])
        case Int(low, high, log, step):
            top = low + (high - low) // step * step  # Optuna warns of a range that its step does not divide
            return kinds.IntDistribution(low, top, log=log, step=1 if log else step)
        case Float(low, high, log):
            return kinds.FloatDistribution(low, high, log=log)


def ordinal(values: Sequence[Scalar]) -> bool:
    """Whether listed values are ascending numbers: three or more, since two are only this one or that one."""
    numbers = [value for value in values if not isinstance(value, bool | str)]
    return len(numbers) == len(values) > 2 and all(low < high for low, high in pairwise(numbers))


def entry_distribution(space: Space) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution

    return CategoricalDistribution([entry.entry for entry in space.entries])


def shared(space: Space) -> frozenset[str]:
    """Abstract settings that mean the same in every entry that has them: one parameter for all, so that what is learnt
    with one engine is known for the next. Under one name Optuna takes one distribution only."""
    seen: dict[str, set[Parameter]] = {}
    for entry in space.entries:
        for name, parameter in entry.parameters.items():
            if is_abstract(name):
                seen.setdefault(name, set()).add(parameter)
    return frozenset(name for name, kinds in seen.items() if len(kinds) == 1)


class Teller:
    """Turns points that ran into what Optuna is told. Made once per ask: distributions are shared by all trials."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._entries = entry_distribution(space)
        self._shared = shared(space)
        self._made: dict[str, BaseDistribution] = {}

    def told(self, point: Point) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Parameters and distributions of `point`: its values as they ran, nothing for a parameter left at the
        engine's default. A value outside of the space (a warm start can bring one) is left out: Optuna refuses it."""
        chosen: dict[str, Any] = {ENTRY: point.entry}
        kinds = {ENTRY: self._entries}
        parameters = self._space.entry(point.entry).parameters
        for name, value in sorted(point.values.items()):
            if name not in parameters or not contains(parameters[name], value):
                continue
            key = name if name in self._shared else f"{point.entry}.{name}"
            if key not in self._made:
                self._made[key] = distribution(parameters[name])
            kinds[key] = self._made[key]
            chosen[key] = _told(parameters[name], value)
        return chosen, kinds


def _told(parameter: Parameter, value: Scalar) -> Scalar:
    if not isinstance(parameter, Choice):
        return value
    return parameter.values.index(value) if ordinal(parameter.values) else canonical(value)


def contains(parameter: Parameter, value: Scalar) -> bool:
    """Whether `value` can have been drawn from `parameter`. true is not 1, and 1 is not 1.0."""
    if isinstance(parameter, Choice):
        return any(type(value) is type(known) and value == known for known in parameter.values)
    if isinstance(value, bool | str):
        return False
    if isinstance(parameter, Int) and (value != int(value) or (value - parameter.low) % parameter.step):
        return False
    return parameter.low <= value <= parameter.high


def suggested_point(space: Space, trial: Trial) -> Point:
    """Walk the space, asking `trial` for each parameter that is active given those before it."""
    from optuna.distributions import CategoricalDistribution

    root = entry_distribution(space)
    assert isinstance(root, CategoricalDistribution)
    entry = space.entry(str(trial.suggest_categorical(ENTRY, root.choices)))
    values: dict[str, Scalar] = {}
    common = shared(space)
    for name in ordered(entry):
        if is_active(entry, name, values, space.constants):
            key = name if name in common else f"{entry.entry}.{name}"
            values[name] = _suggested(trial, key, entry.parameters[name])
    return Point(entry.entry, values)


def _suggested(trial: Trial, key: str, parameter: Parameter) -> Scalar:
    match parameter:
        case Choice(values) if ordinal(values):
            return values[trial.suggest_int(key, 0, len(values) - 1)]
        case Choice(values):
            text = trial.suggest_categorical(key, [canonical(value) for value in values])
            value: Scalar = json.loads(str(text))
            return value
        case Int(low, high, log, step):
            top = low + (high - low) // step * step
            drawn = trial.suggest_int(key, low, top, log=log, step=1 if log else step)
            return low + round((drawn - low) / step) * step
        case Float(low, high, log):
            return min(max(tidy(trial.suggest_float(key, low, high, log=log)), low), high)
