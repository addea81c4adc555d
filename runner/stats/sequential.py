"""How long to go on measuring: a look after every round, until each difference that matters is decided or hopeless.

Who looks again and again finds a difference sooner or later. So each look is held to a stricter level, the same for
all (S. J. Pocock, Biometrika 64 (1977) 191-199; with Student's t at each look as in C. Jennison and B. W. Turnbull,
Group Sequential Methods (2000), 4.4): of the error that one pair may make, a look gets

    error / pairs / looks ** 0.9

`pairs` counts every pair of those that are measured, since the winner is chosen by the same repeats (Bonferroni). Looks
at growing data repeat each other: as many independent looks as that power would do as much harm, by simulation
(tests/benchmarks/calibrate.py), which also shows that what comes out keeps its promise.

A pair is given up as hopeless when even a difference larger than it looks, by two standard errors, could not be told
from 0 at the cap, and no tie could either. To stop without a verdict never makes a wrong one (Jennison and Turnbull,
10.5: a futility rule that does not bind).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from runner.domain.failure import Verdict
from runner.stats.arms import Arms, Level
from runner.stats.compare import MARGIN, Difference, difference, scatter, verdict_of
from runner.stats.drift import without_drift

ERROR = 0.01
"""Chance that any pair of a campaign is called better or worse though its two are equal, over all looks."""
CORRELATED = 0.9
OPTIMISM = 2.0
GIVE_UP_FROM = 5
"""Rounds before which nothing is hopeless: the scatter is hardly known."""


@dataclass(frozen=True, slots=True)
class Design:
    """`arms` are measured in rounds; looks begin after `repeats` rounds and end after `at_most`."""

    repeats: int
    at_most: int
    arms: int
    error: float = ERROR
    margin: float = MARGIN

    @property
    def confidence(self) -> float:
        """Of the interval at one look, for all of them together to hold at 1 - error."""
        pairs = max(self.arms * (self.arms - 1) // 2, 1)
        looks = max(self.at_most - self.repeats + 1, 1)
        return 1 - self.error / pairs / math.pow(looks, CORRELATED)

    def decided(self, found: Difference) -> Verdict:
        half = found.half_width(self.confidence)
        return verdict_of(found.value - half, found.value + half, self.margin)

    def hopeless(self, found: Difference) -> bool:
        if found.repeats < GIVE_UP_FROM or found.repeats >= self.at_most:
            return False
        reach = found.with_repeats(self.at_most).half_width(self.confidence)
        doubt = OPTIMISM * found.error
        tie = max(abs(found.value) - doubt, 0.0) + reach <= math.log1p(self.margin)
        return abs(found.value) + doubt < reach and not tie

    def settled(self, found: Difference | None) -> bool:
        """Whether another round would be wasted on this pair. None: it can not be compared."""
        return found is None or self.decided(found) is not Verdict.INCONCLUSIVE or self.hopeless(found)


def in_common(measured: Level, one: str, other: str) -> Difference | None:
    """From the rounds that both were measured in; the other arms show how much one repeat scatters."""
    arms = measured.arms
    mine, theirs = arms[one], arms[other]
    rounds = sorted(mine.keys() & theirs.keys())
    if len(rounds) < 2:
        return None
    a, b = [mine[r] for r in rounds], [theirs[r] for r in rounds]
    hosts = [r.host for r in a], [r.host for r in b]
    rest = ([r.value for r in rounds.values()] for arm, rounds in arms.items() if arm not in (one, other))
    found = difference([r.value for r in a], [r.value for r in b], hosts, scatter(rest))
    return found.less_free() if found and measured.fitted else found


def going_on(arms: Arms, best: str, design: Design) -> set[str]:
    """Who is measured in the next round: the best and all whose difference to it is still open."""
    level = without_drift(arms)
    open_ = {arm for arm in arms if arm != best and not design.settled(in_common(level, best, arm))}
    return {best, *open_} if open_ else set()
