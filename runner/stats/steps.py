"""Where a configuration that is measured again and again changed its level: circular binary segmentation.

The stretch of a series whose mean differs most from that of the rest, by Student's t with one variance for both, is cut
out, and each part is looked at again, until no stretch passes the test. A stretch may end with the series, which is a
single step, or before it: down and up again is found as well, where a single cut sees two like halves. Source:
A. B. Olshen and others, Biostatistics 5 (2004) 557-572, with their permutations replaced by a t test that counts every
stretch that could have been cut (C. E. Bonferroni): a series without a change is cut in at most one of a hundred cases.

One value is one session, not one repeat: repeats of one session share the machine's mood of that day. So a change is
told apart from a mood after two sessions on either side, not before; a gate answers at once, on repeats of one day.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import fmean

from runner.stats.compare import FLOOR, MARGIN, quantile, scatter

CONFIDENCE = 0.99
"""Of the test, over all stretches, and of the interval of a step."""

LEAST = 2
"""Sessions on either side of a cut."""


@dataclass(frozen=True, slots=True)
class Step:
    """`at`: index of the first value after it. `log_ratio` = mean(ln after) - mean(ln before), turned so that positive
    means better, with its interval. `before` and `after` count the sessions of the two levels."""

    at: int
    log_ratio: float
    low: float
    high: float
    before: int
    after: int


def middle(values: Sequence[float]) -> float:
    """Mean of the repeats of one session, or of the sessions of one level: all of one configuration under one set of
    facts, which the caller sees to."""
    return fmean(values)


def steps(values: Sequence[float], higher_is_better: bool, confidence: float = CONFIDENCE) -> tuple[Step, ...]:
    """The steps of a series of session means in order of time, all positive. A change of less than MARGIN is none."""
    sign = 1.0 if higher_is_better else -1.0
    logs = [sign * math.log(value) for value in values]
    cuts = [0, *_cuts(logs, 0, len(logs), confidence), len(logs)]
    parts = [logs[begin:end] for begin, end in pairwise(cuts)]
    return tuple(
        _step(cut, left, right, parts, confidence)
        for cut, left, right in zip(cuts[1:-1], parts, parts[1:], strict=False)
    )


def _cuts(logs: Sequence[float], begin: int, end: int, confidence: float) -> list[int]:
    arcs = [
        (a, b)
        for a in range(begin, end)
        for b in range(a + LEAST, end + 1)
        if all(piece == 0 or piece >= LEAST for piece in (a - begin, end - b)) and b - a < end - begin
    ]
    if not arcs:
        return []
    sums, squares = [list(accumulate((log**power for log in logs[begin:end]), initial=0.0)) for power in (1, 2)]
    told = [(*_difference(sums, squares, a - begin, b - begin), a, b) for a, b in arcs]
    value, error, a, b = max(told, key=lambda one: one[0] / one[1])
    half = quantile(1 - (1 - confidence) / len(arcs), end - begin - 2) * error
    if value <= half or value < math.log1p(MARGIN):
        return []
    ends = sorted({begin, a, b, end})
    inner = [_cuts(logs, left, right, confidence) for left, right in pairwise(ends)]
    return sorted({*ends[1:-1], *(cut for cuts in inner for cut in cuts)})


def _difference(sums: Sequence[float], squares: Sequence[float], a: int, b: int) -> tuple[float, float]:
    """Of the mean of the arc [a, b) to that of the rest, without its sign, and its standard error with one variance.
    `sums` and `squares` are cumulated."""
    count, inside = len(sums) - 1, b - a
    outside = count - inside
    total, within = sums[-1], sums[b] - sums[a]
    means = within / inside, (total - within) / outside
    scatter_of = squares[-1] - inside * means[0] ** 2 - outside * means[1] ** 2
    variance = max(scatter_of / (count - 2), FLOOR**2)
    return abs(means[0] - means[1]), math.sqrt(variance * (1 / inside + 1 / outside))


def _step(
    at: int, left: Sequence[float], right: Sequence[float], parts: Sequence[Sequence[float]], confidence: float
) -> Step:
    """Its interval from the scatter of all levels around their own means."""
    whole = scatter(parts)
    variance, freedom = (whole.variance, whole.freedom) if whole is not None else (0.0, 1)
    error = math.sqrt(max(variance, FLOOR**2) * (1 / len(left) + 1 / len(right)))
    value, half = fmean(right) - fmean(left), quantile(confidence, freedom) * error
    return Step(at, value, value - half, value + half, len(left), len(right))
