"""The space that every tool searches, the load, and the truth about each point (runner.simulated.surface)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from runner.simulated import surface
from runner.simulated.surface import GRID, Flags

MEMORY_GB = 7.0
"""More than half of the configurations do not fit, or can not work for another reason; the default does."""
SCALE = 2.0
"""Durations of the engine are multiplied by this, so that two busy cores do not become the bottleneck."""
USERS, PROMPT, OUTPUT = 32, 32, 8
REQUESTS = 64

SPACE: dict[str, tuple[int | str, ...]] = {name.replace("_", "-"): values for name, values in GRID.items()}


def flags_of(values: Mapping[str, object]) -> Flags:
    """`values` as on a command line, by flag; the engine's own default for what is left out."""
    known: dict[str, int | str] = {}
    for name, kept in SPACE.items():
        text = values.get(name)
        if text is not None:
            known[name.replace("-", "_")] = next(value for value in kept if str(value) == str(text))
    return Flags(**known, memory_gb=MEMORY_GB)  # type: ignore[arg-type]


def crashes(flags: Flags) -> bool:
    return not surface.works(flags, PROMPT + OUTPUT)


def truth(flags: Flags) -> float | None:
    """Output tokens per second that the engine really settles at; None: it does not start."""
    if crashes(flags):
        return None
    return surface.steady(flags, PROMPT, OUTPUT, USERS).throughput / SCALE


@cache
def optimum() -> float:
    best = truth(surface.optimum(PROMPT, OUTPUT, USERS, MEMORY_GB))
    assert best is not None
    return best


def shape(close: float) -> dict[str, int]:
    """Of all points: how many crash, and how many are within `close` per cent of the optimum."""
    known = [regret(flags) for flags in surface.grid(MEMORY_GB)]
    return {
        "points": len(known),
        "crash": sum(value is None for value in known),
        "close": sum(value is not None and value <= close for value in known),
    }


def regret(flags: Flags | None) -> float | None:
    """Per cent below the optimum; None for a configuration that crashes, or none at all."""
    value = None if flags is None else truth(flags)
    return None if value is None else 100 * (1 - value / optimum())
