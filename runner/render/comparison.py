"""A comparison in words, the same on the terminal and on the pages."""

from __future__ import annotations

import math

from runner.domain.records import ComparisonFact


def comparison_text(fact: ComparisonFact) -> str:
    """`better: +24.1 % (99 % interval +18.0 % to +30.5 %, 3 repeats each)`; of an inconclusive one also how many more
    repeats would tell."""
    text = verdict_text(
        fact.verdict.value, fact.log_ratio, fact.low, fact.high, fact.repeats, fact.reason, fact.confidence
    )
    return f"{text}; {more_text(fact.more_repeats)}" if fact.more_repeats else text


def verdict_text(
    verdict: str,
    log_ratio: float | None,
    low: float | None,
    high: float | None,
    repeats: int,
    reason: str,
    confidence: float = 0.95,
) -> str:
    if log_ratio is None or low is None or high is None:
        return f"{verdict}: {reason}"
    interval = f"{100 * confidence:g} % interval {change_text(low)} to {change_text(high)}"
    return f"{verdict}: {change_text(log_ratio)} ({interval}, {repeats} repeats each)"


def more_text(more: int) -> str:
    """How many more repeats would decide; beyond a hundred nobody will make them."""
    if more > MANY:
        return f"more than {MANY} more repeats of each would be needed to tell"
    return f"about {more} more repeat{'s'[: more > 1]} of each would tell"


MANY = 100


def optimism_text(search: float, confirmed: float, maximize: bool) -> str:
    """How much better the search saw a trial than its repeats do: `3.7 % optimistic`."""
    share = (search - confirmed) / abs(confirmed) * (1 if maximize else -1) if confirmed else 0.0
    if abs(share) < 0.0005:
        return "right"
    return f"{100 * abs(share):.1f} % {'optimistic' if share > 0 else 'pessimistic'}"


def change_text(log_ratio: float) -> str:
    """A log ratio as a change. Intervals of few repeats can be absurdly wide: beyond tenfold a factor is said."""
    factor = math.exp(min(max(log_ratio, -30.0), 30.0))
    return f"{(factor - 1) * 100:+.1f} %" if factor < 10 else f"x{factor:.0f}"
