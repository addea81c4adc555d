"""When the requests of an open loop are meant to be sent. Pure and seeded.

Every rate that follows a law is made the same way: gaps of mean 1 say after how many expected requests the next one
comes, and the law's own time says when so many are expected (a rate: count / rate; a ramp: see `_ramped`).
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator

from runner.domain.campaign import LevelPlan
from runner.domain.load import LoadKind, Shape


def intended(
    plan: LevelPlan, arrivals: str, shape: Shape, duration: float, seed: str, recorded: Iterable[float] = ()
) -> Iterator[float]:
    """Seconds from the start of the level, ascending, all before `duration`. `recorded` are the times of a trace, the
    first one 0. Raises ValueError for a closed loop, which has no such times."""
    times: Iterator[float]
    match plan.load_kind:
        case LoadKind.RATE:
            times = (count / plan.load_value for count in _counts(arrivals, shape, seed))
        case LoadKind.RAMP:
            counts = _counts(arrivals, shape, seed)
            times = (_ramped(count, shape.ramp_from, plan.load_value, duration) for count in counts)
        case LoadKind.BURST:
            bursts = (number * shape.burst_every for number in itertools.count())
            times = (moment for moment in bursts for _ in range(int(plan.load_value)))
        case LoadKind.SPEED:
            times = (moment / plan.load_value for moment in recorded)
        case _:
            raise ValueError(f"a load of {plan.load_kind.value} sends when an answer has come, at no time of its own")
    return itertools.takewhile(lambda moment: moment < duration, times)


def _counts(arrivals: str, shape: Shape, seed: str) -> Iterator[float]:
    """Expected requests before each one. constant: 0, 1, 2, ...; poisson: exponential gaps of mean 1; gamma: gaps of
    mean 1 and variance 1 / shape.gamma, which is poisson at 1 and clumps below it."""
    if arrivals == "constant":
        return map(float, itertools.count())
    rng = random.Random(f"{seed}/arrivals")
    if arrivals == "gamma":
        gap = (rng.gammavariate(shape.gamma, 1 / shape.gamma) for _ in itertools.count())
    else:
        gap = (rng.expovariate(1.0) for _ in itertools.count())
    return itertools.accumulate(gap)


def _ramped(count: float, low: float, high: float, duration: float) -> float:
    """When `count` requests are expected of a rate that rises evenly from `low` to `high` in `duration`: the t at
    which low t + (high - low) t^2 / (2 duration) = count."""
    rise = (high - low) / (2 * duration)
    return (-low + math.sqrt(low * low + 4 * rise * count)) / (2 * rise)
