"""Is it worse by more than a limit? Three answers, from repeats now against repeats of the past.

Welch's interval on the difference of mean logarithms (runner.stats.compare) is laid against the limit instead of 0:
wholly inside it is a pass, wholly beyond it a failure. The past can not be repeated: its noise stays in the interval.
Looking several times gives chance several goes, so each of `looks` looks gets its share of the error (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import fmean, variance

from runner.stats.compare import FLOOR
from runner.stats.intervals import t_quantile

MOST_REPEATS = 100_000


class Decision(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Regression:
    """`log_ratio` and its interval: positive = better than the past. `edge`: the limit as such a log ratio, below 0.
    `more_repeats`: how many more now would decide, as far as these tell; None when decided, or when the past's own
    noise alone keeps it open. `repeats`: how many of now it stands on, `left_out`: on how many it does not, because
    others used the machine; `disturbed`: it would be a FAIL, but fewer than two repeats were without that."""

    decision: Decision
    log_ratio: float
    low: float
    high: float
    edge: float
    confidence: float
    more_repeats: int | None = None
    repeats: int = 0
    left_out: int = 0
    disturbed: bool = False


def regression(
    now: Sequence[float], past: Sequence[float], higher_is_better: bool, limit: float, *, looks: int = 1
) -> Regression:
    """`limit` is the share that may be lost: 0.05 for 5 %. Both sides need two positive values at least; raises
    ValueError otherwise."""
    if min(len(now), len(past)) < 2 or min(*now, *past) <= 0:
        raise ValueError("two positive values on each side are needed")
    confidence = 1 - 0.05 / looks
    sign = 1.0 if higher_is_better else -1.0
    mine, theirs = [sign * math.log(value) for value in now], [sign * math.log(value) for value in past]
    difference, edge = fmean(mine) - fmean(theirs), edge_of(limit, higher_is_better)
    noise = max(variance(mine), FLOOR**2), max(variance(theirs), FLOOR**2)
    half = half_width(*noise, len(now), len(past), confidence)
    low, high = difference - half, difference + half
    decision = Decision.PASS if low >= edge else Decision.FAIL if high < edge else Decision.INCONCLUSIVE
    more = None
    if decision is Decision.INCONCLUSIVE:
        more = _more(*noise, len(now), len(past), confidence, abs(difference - edge))
    return Regression(decision, difference, low, high, edge, confidence, more, len(now))


def regression_of_quiet(
    now: Sequence[float],
    quiet: Sequence[bool],
    past: Sequence[float],
    higher_is_better: bool,
    limit: float,
    *,
    looks: int = 1,
) -> Regression:
    """As `regression`, where others used the machine during those repeats of now whose `quiet` is False.

    Other work makes an engine slower and not faster. So a PASS of all repeats is one: what disturbed them spoke against
    it. Anything else is for the quiet repeats to say alone; where they are fewer than two, a FAIL is INCONCLUSIVE.
    Which repeats count is not chosen by their values. A FAIL has one test at each look; a PASS has two, each of which
    is wrong at the limit in half of the error (one side of the interval), so that together they keep to it.
    """
    found = regression(now, past, higher_is_better, limit, looks=looks)
    calm = [value for value, undisturbed in zip(now, quiet, strict=True) if undisturbed]
    if len(calm) == len(now) or found.decision is Decision.PASS:
        return found
    if len(calm) >= 2:
        alone = regression(calm, past, higher_is_better, limit, looks=looks)
        return replace(alone, left_out=len(now) - len(calm))
    if found.decision is Decision.FAIL:
        return replace(found, decision=Decision.INCONCLUSIVE, disturbed=True)
    return found


def mean_of(repeats: Sequence[float]) -> float:
    """Of the repeats of one trial by one client under one set of circumstances; of nothing else."""
    return fmean(repeats)


def edge_of(limit: float, higher_is_better: bool) -> float:
    """5 % less throughput, or 5 % more latency, as a log ratio whose positive side is better."""
    return math.log1p(-limit) if higher_is_better else -math.log1p(limit)


def half_width(noise_now: float, noise_past: float, now: int, past: int, confidence: float) -> float:
    """Of Welch's interval. `noise_...` are variances of one repeat, above 0."""
    a, b = noise_now / now, noise_past / past
    share_a, share_b = a / (a + b), b / (a + b)
    freedom = 1 / (share_a**2 / (now - 1) + share_b**2 / (past - 1))
    return t_quantile(0.5 + confidence / 2, freedom) * math.sqrt(a + b)


def _more(noise_now: float, noise_past: float, now: int, past: int, confidence: float, gap: float) -> int | None:
    """Repeats of now that are missing until the interval is narrower than the gap to the edge, at the noise seen."""
    if half_width(noise_now, noise_past, MOST_REPEATS, past, confidence) > gap:
        return None
    low, high = now, MOST_REPEATS
    while low < high:
        middle = (low + high) // 2
        low, high = (
            (middle + 1, high) if half_width(noise_now, noise_past, middle, past, confidence) > gap else (low, middle)
        )
    return max(1, low - now)


def looks_of(repeats: int, at_most: int) -> tuple[int, ...]:
    """After how many repeats one looks: at once when there are enough, then whenever they have doubled."""
    found = [min(repeats, at_most)]
    while found[-1] < at_most:
        found.append(min(2 * found[-1], at_most))
    return tuple(found)
