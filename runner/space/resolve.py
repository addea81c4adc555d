"""A point of the space to the configuration that runs: fixed flags and environment with the chosen values laid over."""

from __future__ import annotations

from collections.abc import Callable

from runner.domain.campaign import Entry
from runner.domain.ids import fingerprint
from runner.domain.parameters import Point, Scalar, Values
from runner.domain.trial import Configuration
from runner.space.abstract import NONE, Abstract, is_abstract, translated

ENV = "env."
"""Prefix of a parameter that is an environment variable."""


def resolve(
    entry: Entry, point: Point, table: Abstract = NONE, spoken: Callable[[Values], dict[str, Scalar]] = dict
) -> Configuration:
    """What the engine gets at `point`: abstract settings as the engine's `table` says them, then its own flags over
    them. `spoken` leaves out what its command line has not: without it is the same launch, and so the same
    configuration. Raises ValueError when the point belongs to another entry."""
    if point.entry != entry.name:
        raise ValueError(f"a point of entry {point.entry!r} can not be resolved with entry {entry.name!r}")
    asked: dict[str, Scalar] = {**entry.flags, **point.values}
    env = dict(entry.env)
    flags = translated(asked, table)
    for name, value in sorted(asked.items()):
        if name.startswith(ENV):
            env[name.removeprefix(ENV)] = env_text(value)
        elif not is_abstract(name):
            flags[name] = value
    flags = spoken(flags)
    return Configuration(
        entry=entry.name,
        runtime=entry.runtime,
        values=dict(point.values),
        flags=flags,
        env=env,
        fingerprint=fingerprint(entry.name, flags, env),
    )


def default_point(entry: Entry) -> Point:
    """The entry as the engine's authors ship it: fixed flags only, nothing searched is set."""
    return Point(entry.name, {})


def env_text(value: Scalar) -> str:
    """An environment value is text: true and false as a campaign spells them, numbers without an exponent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
