"""What more trials can be expected to bring, by extreme-value theory. Pure.

The best of n draws from a distribution with an exponential tail of scale s grows by s/(n+1) with the next draw, so by
s (H(n+m) - H(n)) with m more (Renyi's spacings; Arnold, Balakrishnan and Nagaraja, *A First Course in Order
Statistics*, ch. 4). s is estimated as the mean excess of the best quarter over the one below it (Hill's estimator on
log scores). A tail that ends, as that of a bounded resource does, grows more slowly: the estimate errs towards going
on. A sampler that learns draws better than the sample did: so a rule should wait for a stretch without progress too.
"""

from __future__ import annotations

from collections.abc import Sequence

LEAST = 8
"""Successes below which the tail says nothing."""

_TOP = 4
_FEWEST_IN_TOP = 3


def expected_gain(log_scores: Sequence[float], trials: int, more: int) -> float | None:
    """Expected growth of the best log score over `more` trials, after `trials` of which `log_scores` succeeded
    (oriented: larger is better). None with fewer than LEAST successes."""
    if len(log_scores) < LEAST:
        return None
    ranked = sorted(log_scores, reverse=True)
    top = max(_FEWEST_IN_TOP, len(ranked) // _TOP)
    scale = sum(ranked[:top]) / top - ranked[top]
    return scale * sum(1 / number for number in range(trials + 1, trials + more + 1))


def since_progress(log_scores: Sequence[float | None], noise: float) -> int:
    """Trials since the best grew by more than `noise` for the last time (None: a failure)."""
    best, since = None, 0
    for score in log_scores:
        since += 1
        if score is not None and (best is None or score > best + noise):
            best, since = score, 0
    return since
