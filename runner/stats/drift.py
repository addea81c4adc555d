"""Did the machine drift while the same things were measured again and again?

A straight line through the rounds, one level for each arm on each host and one slope for all (analysis of covariance:
Montgomery, Design and Analysis of Experiments, 15.3), with Student's t interval on the slope.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean

from runner.stats.arms import Arms, Level, Repeat
from runner.stats.compare import FLOOR, quantile

CONFIDENCE = 0.99
TAKEN_OUT = 0.999
"""Confidence at which a drift is no longer counted as scatter. It is asked after every round, so strictly."""
ROUNDS = 6
"""Rounds before which no line is taken out: too little would be left to know the scatter from."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Log change from the first round to the last, positive = it became better, with its interval; `slope` is that of
    one round."""

    change: float
    low: float
    high: float
    slope: float

    @property
    def found(self) -> bool:
        return self.low > 0 or self.high < 0


def drift(arms: Arms, confidence: float = CONFIDENCE) -> Drift | None:
    """None when fewer than four rounds were measured, or nothing is left to tell the scatter from."""
    cells: dict[tuple[str, str], dict[int, float]] = {}
    for arm, rounds in arms.items():
        for number, repeat in rounds.items():
            cells.setdefault((arm, repeat.host), {})[number] = repeat.value
    repeated = [values for values in cells.values() if len(values) > 1]
    numbers = sorted({number for values in repeated for number in values})
    if len(numbers) < 4:
        return None
    points = []
    for values in repeated:
        middle, level = fmean(values), fmean(values.values())
        points += [(number - middle, value - level) for number, value in values.items()]
    spread = math.fsum(x * x for x, _ in points)
    freedom = len(points) - len(repeated) - 1
    if freedom < 1:
        return None
    slope = math.fsum(x * y for x, y in points) / spread
    left = math.fsum((y - slope * x) ** 2 for x, y in points) / freedom
    span = numbers[-1] - numbers[0]
    half = quantile(confidence, freedom) * math.sqrt(max(left, FLOOR**2) / spread) * span
    return Drift(slope * span, slope * span - half, slope * span + half, slope)


def without_drift(arms: Arms) -> Level:
    """With the line taken out where there is a drift: it met all arms alike and is no scatter of theirs."""
    if max(map(len, arms.values()), default=0) < ROUNDS:
        return Level(arms, False)
    found = drift(arms, TAKEN_OUT)
    if found is None or not found.found:
        return Level(arms, False)
    straight = {
        arm: {number: Repeat(one.value - found.slope * number, one.host) for number, one in rounds.items()}
        for arm, rounds in arms.items()
    }
    return Level(straight, True)
