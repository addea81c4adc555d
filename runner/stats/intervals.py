"""Student's t quantile and the Wilson interval, without scipy."""

from __future__ import annotations

import math
from statistics import NormalDist

_TINY = 1e-300


def t_quantile(p: float, freedom: float) -> float:
    """The value below which Student's t with `freedom` degrees of freedom (> 0, may be fractional) falls with
    probability `p` in (0, 1). Raises ValueError outside of that. Good to about 1e-10 relative."""
    if not 0 < p < 1 or not freedom > 0:
        raise ValueError(f"t_quantile needs 0 < p < 1 and freedom > 0, got {p} and {freedom}")
    if p == 0.5:
        return 0.0
    if p < 0.5:
        return -t_quantile(1 - p, freedom)
    high = 1.0
    while t_cdf(high, freedom) < p and high < 1e150:
        high *= 2
    low = 0.0
    for _ in range(200):  # bisection: no derivative to go wrong in the heavy tails of few degrees of freedom
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if t_cdf(middle, freedom) < p else (low, middle)
    return (low + high) / 2


def t_cdf(t: float, freedom: float) -> float:
    """Probability that Student's t with `freedom` degrees of freedom is below `t`.

    By the incomplete beta function: Abramowitz & Stegun, Handbook of Mathematical Functions, 26.7.1 with 26.5.27.
    """
    tail = 0.5 * _beta_share(freedom / 2, 0.5, freedom / (freedom + t * t))
    return 1 - tail if t > 0 else tail


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval for a share: E. B. Wilson, Journal of the American Statistical Association 22 (1927) 209-212.

    (0, 1) when nothing was tried.
    """
    if trials <= 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / trials
    centre = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def _beta_share(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function I_x(a, b)."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    front = math.exp(log_front)
    if x < (a + 1) / (a + b + 2):  # where the continued fraction converges quickly
        return front * _beta_fraction(a, b, x) / a
    return 1 - front * _beta_fraction(b, a, 1 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Continued fraction of the incomplete beta function (Abramowitz & Stegun 26.5.8), by Lentz's method."""
    c = 1.0
    d = 1.0 / _away_from_zero(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for term in (even, odd):
            d = 1.0 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            step = c * d
            result *= step
        if abs(step - 1) < 1e-15:
            break
    return result


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
