"""Is A better than B? Welch's t interval on the difference of mean logarithms of repeated measurements.

The logarithm makes the answer a ratio (+5 % whatever the unit) and Welch's form lets the two sides scatter
differently. Sources: B. L. Welch, Biometrika 34 (1947) 28-35; degrees of freedom by F. E. Satterthwaite, Biometrics
Bulletin 2 (1946) 110-114. Repeats on several hosts are compared within each host and the differences weighted by
what they know (D. C. Montgomery, Design and Analysis of Experiments, chapter 4: blocks).

Why not pairs by round: both sides are measured in turn, so that what drifts falls on both alike. Welch then counts the
drift as scatter: wider, never wrong, until it is seen to be a drift and taken out (runner.stats.drift). Pairs take it
out at once but halve the degrees of freedom. To tell 10 % apart at 3 % noise they need 7.7 rounds instead of 6.1, with
a drift of 1 % a round 7.7 instead of 6.9 (second table of `python -m tests.benchmarks.calibrate`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean

from runner.domain.failure import Verdict
from runner.stats.intervals import t_quantile

MARGIN = 0.02
"""Two that differ by less are a tie."""

FLOOR = 0.003
"""Least scatter of one repeat that is believed (a log, so 0.3 %): two repeats that happen to agree prove nothing."""

NOISIER = 1.5
"""A pair whose variance is this much larger than that of the others has a scatter of its own."""

MUST_BE_EQUAL = (
    "client", "client_version", "workload_key", "model", "model_revision", "hardware", "gpu", "cpu_model", "host",
)  # fmt: skip
"""Facts under which two measurements must agree before they are compared, in the order they are asked."""

EQUAL_WITHIN_A_RUNTIME = ("engine_version", "image_digest")
"""Two runtimes always differ in these; one runtime measured in two versions is two things."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`log_ratio` is mean(ln a) - mean(ln b), turned so that positive means a is better, with its interval
    [low, high]; None when incomparable. `repeats` is the smaller number of measurements; `reason` is one sentence.
    `more_repeats`: how many more of each would decide, were the scatter and the difference as they look now; None
    unless inconclusive."""

    verdict: Verdict
    log_ratio: float | None
    low: float | None
    high: float | None
    repeats: int
    reason: str
    more_repeats: int | None = None


@dataclass(frozen=True, slots=True)
class Scatter:
    """Variance of one repeat, as others of the same campaign show it, and its degrees of freedom."""

    variance: float
    freedom: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Of two means of oriented logs: its standard error, that one's degrees of freedom, repeats of the shorter side."""

    value: float
    error: float
    freedom: float
    repeats: int

    def half_width(self, confidence: float) -> float:
        return quantile(confidence, self.freedom) * self.error

    def less_free(self) -> Difference:
        """After a line was fitted: it took a degree of freedom."""
        freedom = max(self.freedom - 1, 1.0)
        return Difference(self.value, self.error * math.sqrt(self.freedom / freedom), freedom, self.repeats)

    def with_repeats(self, repeats: int) -> Difference:
        """What to expect of that many repeats, if nothing else changes."""
        grown = repeats / self.repeats
        freedom = self.freedom * max(repeats - 1, 1) / max(self.repeats - 1, 1)
        return Difference(self.value, self.error / math.sqrt(grown), freedom, repeats)


def compare(
    a: Sequence[float | None],
    b: Sequence[float | None],
    higher_is_better: bool,
    *,
    margin: float = MARGIN,
    confidence: float = 0.95,
    hosts: tuple[Sequence[str], Sequence[str]] | None = None,
) -> Comparison:
    """Compare repeats of A with repeats of B. None stands for a repeat that gave no value. `hosts`: where each was
    measured, when not all on one.

    better: the whole interval is above 0; worse: below; tie: it lies within +-log(1 + margin); else inconclusive.
    Fewer than two repeats, a missing or a non-positive value, no host in common: incomparable, with the reason.
    """
    repeats = min(len(a), len(b))
    problem = _problem("first", a) or _problem("second", b)
    if problem:
        return Comparison(Verdict.INCOMPARABLE, None, None, None, repeats, problem)
    sign = 1.0 if higher_is_better else -1.0
    logs_a = [sign * math.log(value) for value in a if value is not None]
    logs_b = [sign * math.log(value) for value in b if value is not None]
    found = difference(logs_a, logs_b, hosts)
    if found is None:
        problem = "no host measured both often enough"
        return Comparison(Verdict.INCOMPARABLE, None, None, None, repeats, problem)
    return judged(found, confidence, margin)


def judged(found: Difference, confidence: float, margin: float = MARGIN) -> Comparison:
    """The verdict on a difference, in words too."""
    half = found.half_width(confidence)
    low, high = found.value - half, found.value + half
    verdict = verdict_of(low, high, margin)
    more = None
    match verdict:
        case Verdict.BETTER:
            reason = "the whole interval is on the better side"
        case Verdict.WORSE:
            reason = "the whole interval is on the worse side"
        case Verdict.TIE:
            reason = f"the whole interval is within ±{100 * margin:g} %"
        case _:
            more = more_repeats(found, confidence, margin)
            reason = f"the interval holds 0 and reaches beyond ±{100 * margin:g} %"
    return Comparison(verdict, found.value, low, high, found.repeats, reason, more)


def verdict_of(low: float, high: float, margin: float = MARGIN) -> Verdict:
    edge = math.log1p(margin)
    if low > 0:
        return Verdict.BETTER
    if high < 0:
        return Verdict.WORSE
    return Verdict.TIE if -edge <= low and high <= edge else Verdict.INCONCLUSIVE


def difference(
    a: Sequence[float],
    b: Sequence[float],
    hosts: tuple[Sequence[str], Sequence[str]] | None = None,
    others: Scatter | None = None,
) -> Difference | None:
    """Of two lists of logs, two or more each. With several hosts: of the values on hosts that measured both; None when
    there is none, or when no scatter can be seen within hosts.

    `others`: what scatters on this machine under this load is mostly the machine, so two or three repeats borrow what
    the other arms know of it (one variance for all, as in the analysis of variance), unless these two scatter clearly
    more: then they stand for themselves, as Welch has it. Never the narrower of the two because it is narrower.
    """
    if hosts is not None and len({*hosts[0], *hosts[1]}) > 1:
        return _within_hosts(a, b, hosts)
    share_a, share_b = _variance(a) / len(a), _variance(b) / len(b)
    freedom = _satterthwaite(share_a, share_b, len(a), len(b))
    own = share_a + share_b
    spread = 1 / len(a) + 1 / len(b)
    if others is not None and others.freedom > 0 and own <= NOISIER * others.variance * spread:
        mine = len(a) + len(b) - 2
        freedom = mine + others.freedom
        own = ((_squares(a) + _squares(b)) + others.freedom * others.variance) / freedom * spread
    error = math.sqrt(max(own, FLOOR**2 * spread))
    return Difference(fmean(a) - fmean(b), error, freedom, min(len(a), len(b)))


def scatter(sides: Iterable[Sequence[float]]) -> Scatter | None:
    """One variance from several lists of logs, each around its own mean. None when no list has two."""
    repeated = [side for side in sides if len(side) > 1]
    freedom = sum(len(side) - 1 for side in repeated)
    return Scatter(sum(_squares(side) for side in repeated) / freedom, freedom) if freedom else None


def more_repeats(found: Difference, confidence: float, margin: float = MARGIN) -> int:
    """How many more of each until the interval leaves 0 out, or lies within the margin, whichever comes first, if
    difference and scatter are as they look now."""
    reach = max(abs(found.value), math.log1p(margin) - abs(found.value))

    def enough(repeats: int) -> bool:
        return found.with_repeats(repeats).half_width(confidence) <= reach

    low, high = found.repeats, found.repeats + 1
    while not enough(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high - found.repeats


@lru_cache(maxsize=4096)
def _quantile(confidence: float, freedom: float) -> float:
    return t_quantile(0.5 + confidence / 2, freedom)


def quantile(confidence: float, freedom: float) -> float:
    """Two-sided Student quantile. Degrees of freedom are rounded down, to what a cache can hold: never too narrow."""
    return _quantile(confidence, math.floor(freedom * 20) / 20 if freedom < 10 else float(math.floor(freedom)))


def comparable(facts_a: Mapping[str, object], facts_b: Mapping[str, object]) -> str | None:
    """None when the two may be compared, else the first fact that differs, with both values.

    A fact that both sides lack says nothing; one that only one side has is a difference.
    """
    names = list(MUST_BE_EQUAL)
    if facts_a.get("runtime") == facts_b.get("runtime"):
        names.extend(EQUAL_WITHIN_A_RUNTIME)
    for name in names:
        one, other = facts_a.get(name), facts_b.get(name)
        if one != other:
            shown = ["unknown" if value is None else str(value) for value in (one, other)]
            return f"{name} differs: {shown[0]} / {shown[1]}"
    return None


def _problem(which: str, values: Sequence[float | None]) -> str | None:
    if len(values) < 2:
        return f"the {which} has {len(values)} measurement{'' if len(values) == 1 else 's'}; two are needed"
    if any(value is None or not math.isfinite(value) for value in values):
        return f"a measurement of the {which} is missing"
    if any(value is not None and value <= 0 for value in values):
        return f"a measurement of the {which} is not positive, so it has no logarithm"
    return None


def _variance(values: Sequence[float]) -> float:
    return _squares(values) / (len(values) - 1)


def _squares(values: Sequence[float]) -> float:
    middle = fmean(values)
    return math.fsum((value - middle) ** 2 for value in values)


def _satterthwaite(share_a: float, share_b: float, count_a: int, count_b: int) -> float:
    total = share_a + share_b
    if total <= 0:
        return count_a + count_b - 2.0
    # Shares of the total first: the squares of tiny variances would underflow.
    part_a, part_b = share_a / total, share_b / total
    return 1.0 / (part_a**2 / (count_a - 1) + part_b**2 / (count_b - 1))


def _within_hosts(
    a: Sequence[float], b: Sequence[float], hosts: tuple[Sequence[str], Sequence[str]]
) -> Difference | None:
    """One scatter for all cells of side and host; each host's difference weighs what its repeats know."""
    cells = [
        (
            [v for v, at in zip(a, hosts[0], strict=True) if at == host],
            [v for v, at in zip(b, hosts[1], strict=True) if at == host],
        )
        for host in sorted({*hosts[0]} & {*hosts[1]})
    ]
    freedom = sum(len(one) + len(other) - 2 for one, other in cells)
    if freedom < 1:
        return None
    scatter = sum(_squares(one) + _squares(other) for one, other in cells) / freedom
    weights = [len(one) * len(other) / (len(one) + len(other)) for one, other in cells]
    total = math.fsum(weights)
    value = math.fsum(w * (fmean(one) - fmean(other)) for w, (one, other) in zip(weights, cells, strict=True)) / total
    error = math.sqrt(max(scatter, FLOOR**2) / total)
    return Difference(
        value, error, freedom, min(sum(len(one) for one, _ in cells), sum(len(other) for _, other in cells))
    )
