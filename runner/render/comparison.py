"""A comparison in words, the same on the terminal and on the pages."""

from __future__ import annotations

import math

from runner.domain.records import ComparisonFact


def comparison_text(fact: ComparisonFact) -> str:
    """`better: +24.1 % (95 % interval +18.0 % to +30.5 %, 3 repeats each)`."""
    return verdict_text(fact.verdict.value, fact.log_ratio, fact.low, fact.high, fact.repeats, fact.reason)


def verdict_text(
    verdict: str, log_ratio: float | None, low: float | None, high: float | None, repeats: int, reason: str
) -> str:
    if log_ratio is None or low is None or high is None:
        return f"{verdict}: {reason}"
    interval = f"95 % interval {change_text(low)} to {change_text(high)}"
    return f"{verdict}: {change_text(log_ratio)} ({interval}, {repeats} repeats each)"


def change_text(log_ratio: float) -> str:
    """A log ratio as a change. Intervals of few repeats can be absurdly wide: beyond tenfold a factor is said."""
    factor = math.exp(min(max(log_ratio, -30.0), 30.0))
    return f"{(factor - 1) * 100:+.1f} %" if factor < 10 else f"x{factor:.0f}"
