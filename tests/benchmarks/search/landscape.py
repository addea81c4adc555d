"""What a search is judged on: a space whose true optimum is known, with failures that cost what they cost in life.

A landscape is a pure function of a point and a seed. The same configuration measured twice under two seeds differs by
the noise of a measurement; whether it fails, where and why does not depend on the seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runner.domain.campaign import Goal
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.ids import content_hash
from runner.domain.parameters import Point, Space
from runner.samplers._seeding import point_key
from runner.scoring.severity import severity

LEVELS = 3
"""Loads that a deployment is measured at."""

TIMEOUT = 1200.0
"""Seconds after which a hang is ended: what it costs."""

TUNING = (101, 102, 103, 104, 105, 106, 107, 108)
"""Instances that a sampler may be tuned on."""

HELD_OUT = (901, 902, 903, 904, 905)
"""Instances that the published numbers are of. Nothing is tuned on them."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What one deployment gave: `score` (None: it failed), `severity` by the table of tunebook, and `seconds`.
    `message` is what an engine would have logged: earlier tuners graded by its words."""

    score: float | None
    severity: float
    seconds: float
    failure: Failure | None = None
    message: str = ""

    @property
    def hung(self) -> bool:
        return self.failure is not None and self.failure.hung


class Landscape(Protocol):
    """One instance of a landscape."""

    @property
    def name(self) -> str: ...

    @property
    def space(self) -> Space: ...

    @property
    def goal(self) -> Goal: ...

    @property
    def optimum(self) -> float | None:
        """The best true score of the whole space, None where everything fails."""
        ...

    def true(self, point: Point) -> float | None:
        """The score without noise; None where the configuration fails."""
        ...

    def deploy(self, point: Point, seed: int) -> Deployed: ...

    @property
    def rule(self) -> Callable[[Point], bool] | None:
        """Whether a pre-check that knows the engine's declared rules refuses the point; None: nothing is declared."""
        ...

    def contains(self, point: Point) -> bool:
        """Whether the point has an answer: a replayed grid that is not whole has gaps."""
        ...


def regret(landscape: Landscape, point: Point) -> float:
    """How far the true score of `point` is from the optimum, as a share in [0, 1]; a failure is 1."""
    found, best = landscape.true(point), landscape.optimum
    if found is None or best is None:
        return 1.0
    return 1 - (found / best if landscape.goal is Goal.MAXIMIZE else best / found)


def luck(point: Point, seed: int) -> random.Random:
    """The chance of one measurement."""
    return random.Random(content_hash([point_key(point), seed]))


def noisy(value: float, spread: float, point: Point, seed: int) -> float:
    """`value` as one measurement shows it; `spread` is the standard deviation of its logarithm."""
    return value * math.exp(luck(point, seed).gauss(0, spread))


SECONDS_TO: dict[Phase, float] = {
    Phase.START: 8, Phase.LOAD: 35, Phase.READY: 70, Phase.WARMUP: 80, Phase.MEASURE: 90, Phase.SLO: 180,
}  # fmt: skip
"""When an attempt that fails in that phase ends. One that succeeds takes SUCCESS."""
SUCCESS = 180.0

_MESSAGES: dict[Cause, str] = {
    Cause.BAD_FLAG: "error: invalid combination of arguments",
    Cause.OOM_LOAD: "CUDA out of memory while loading the weights",
    Cause.OOM_GRAPH: "CUDA out of memory during graph capture",
    Cause.OOM_SERVE: "CUDA out of memory, the engine core died",
    Cause.KV_TOO_SMALL: "the maximum sequence length does not fit into the KV cache",
    Cause.HANG: "the server was never ready: timed out",
    Cause.CRASH: "the process ended with exit code 1",
    Cause.ERROR_RATE: "too many requests failed: connection reset",
    Cause.SLO: "hard SLO missed",
}


def died(phase: Phase, cause: Cause, levels_done: int = 0, hard_ratio: float = 1.0) -> Deployed:
    """A deployment that failed there, with tunebook's own severity. A hang costs its timeout."""
    hung = cause is Cause.HANG
    failure = Failure(phase, cause, _MESSAGES.get(cause, cause.value), hung=hung)
    seconds = SECONDS_TO[phase] + (30.0 * levels_done if phase is Phase.MEASURE else 0.0)
    graded = severity(failure, levels_done, LEVELS, [hard_ratio])
    return Deployed(None, graded, TIMEOUT if hung else seconds, failure, _MESSAGES.get(cause, cause.value))
