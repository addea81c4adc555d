"""The search space: typed parameters per entry, with conditions and constraints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Scalar: TypeAlias = bool | int | float | str
Values: TypeAlias = Mapping[str, Scalar]
"""Parameter name -> value. Names are engine flags without dashes in front, or `env.NAME` for the environment."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the listed values, unordered. A flag that is on or off is a choice of true and false."""

    values: tuple[Scalar, ...]
    when: str | None = None


@dataclass(frozen=True, slots=True)
class Int:
    """A whole number in [low, high], both ends included; `log` searches on a log scale; `step` > 0."""

    low: int
    high: int
    log: bool = False
    step: int = 1
    when: str | None = None


@dataclass(frozen=True, slots=True)
class Float:
    """A number in [low, high]; `log` searches on a log scale."""

    low: float
    high: float
    log: bool = False
    when: str | None = None


Parameter: TypeAlias = Choice | Int | Float
"""`when` is an expression over the other parameters (and `gpus`): the parameter exists only where it holds."""


@dataclass(frozen=True, slots=True)
class EntrySpace:
    """The space of one entry. `where` lists expressions that every point must satisfy. `fixed` are the entry's fixed
    flags and environment (`env.NAME`): names that expressions may use, never searched."""

    entry: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    where: tuple[str, ...] = ()
    fixed: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Space:
    """The conditional space of a campaign: root choice `entry`, below it the parameters of that entry.

    `constants` are names that expressions may use beside the parameters: `gpus`, `request_tokens`,
    `max_concurrency`.
    """

    entries: tuple[EntrySpace, ...]
    constants: Mapping[str, Scalar] = field(default_factory=dict)

    def entry(self, name: str) -> EntrySpace:
        for space in self.entries:
            if space.entry == name:
                return space
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Point:
    """What a sampler proposes: an entry and a value for each of its active parameters.

    An empty `values` is the entry's default: no searched flag is passed at all.
    """

    entry: str
    values: Values = field(default_factory=dict)
