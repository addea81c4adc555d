"""Published penalties of failures: numbers for people and charts, never stored and never told to a sampler.

`published_penalty` is the Python twin of the SQL macro of the store. `classic_penalty` is the time-graded scale of an
earlier tuner, kept to compare with; what is wrong with it (it grades by elapsed time and by words of a message) is on
the methodology page.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.domain.campaign import Goal
from runner.scoring.score import finite

SPREAD_SHARE = 0.10
"""The spread is never less than this share of the worst success: one success alone still beats its failures."""

CLASSIC_SCALE = ((0.20, 1000.0), (0.60, 500.0), (0.95, 200.0))
"""Below that share of the timeout, that base; CLASSIC_LATE from the last one on."""
CLASSIC_LATE = 100.0
CLASSIC_FACTORS = (
    (("deploy", "not found"), 1.2),
    (("oom", "memory", "cuda"), 1.5),
    (("connection", "timeout"), 0.8),
)
"""The first line with a word that the message (in lower case) contains gives the factor."""


def published_penalty(
    severity: float, goal: Goal, succeeded_scores: Sequence[float], resolution: float
) -> float | None:
    """The penalty of a failure, in the objective's unit: worse than every success of its lineage.

        worst succeeded score, made worse by  severity x spread
        spread = greatest(max - min, 10 % of |worst|, resolution of the metric)

    None when nothing succeeded: severity alone is shown then. `severity` > 0.
    """
    if not succeeded_scores:
        return None
    low, high = min(succeeded_scores), max(succeeded_scores)
    worst = low if goal is Goal.MAXIMIZE else high
    spread = max(high - low, SPREAD_SHARE * abs(worst), resolution)
    worse = severity * finite(spread)
    return finite(worst - worse if goal is Goal.MAXIMIZE else worst + worse)


def classic_penalty(message: str, elapsed: float, timeout: float, goal: Goal) -> float:
    """What the time-graded scale made of a failure, in both of its signs: -1500 ... -80 when maximising, the same
    sizes above 0 when minimising.

    `elapsed` and `timeout` in seconds; a failure without a timeout counts as one at its very end. The word list is
    that of its later code; the SQL macro `penalty_classic` has the shorter one of its published text, whose messages
    it was shown with.
    """
    share = min(elapsed / timeout, 1.0) if timeout > 0 else 1.0
    base = next((base for below, base in CLASSIC_SCALE if share < below), CLASSIC_LATE)
    lowered = message.lower()
    factor = next((f for words, f in CLASSIC_FACTORS if any(word in lowered for word in words)), 1.0)
    return -base * factor if goal is Goal.MAXIMIZE else base * factor
