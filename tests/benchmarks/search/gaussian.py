"""A Gaussian process for a few dozen observations, and what is expected of a point by it. numpy alone.

Matern 5/2 with a length scale for each parameter (Rasmussen and Williams, "Gaussian Processes for Machine Learning",
2006, chapters 2 and 5): those that do not matter become long. Scales and noise climb the log posterior by the sign of
its slope (Rprop), a fixed number of steps, so that the same observations always give the same process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tests.benchmarks.search.numbers import Array

STEPS = 30
SCALE, NOISE = 0.6, 0.02
"""What 1 / length^2 of a parameter and the noise's variance are before anything was seen (of standardised values)."""
DOUBT = 1.5
"""Standard deviation of the logarithms of both."""
JITTER = 1e-6


class Process:
    def __init__(self, rows: Array, values: Array, groups: Sequence[int]) -> None:
        """`rows` are the points, `values` what was seen there, `groups` the parameter of each column."""
        self._rows, self._groups = rows, np.array(groups)
        self._mean, self._spread = float(values.mean()), float(values.std()) or 1.0
        seen = (values - self._mean) / self._spread
        parts = np.zeros((self._groups.max() + 1, len(rows), len(rows)))
        for column, group in enumerate(groups):
            parts[group] += (rows[:, None, column] - rows[None, :, column]) ** 2
        self._scales, self._noise = _fitted(parts, seen)
        kernel, _ = _matern(np.tensordot(self._scales, parts, 1))
        self._inverse = np.linalg.inv(kernel + (self._noise + JITTER) * np.eye(len(rows)))
        self._weights = self._inverse @ seen

    def at(self, rows: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of what lies below the noise, at each of `rows`."""
        stretch = np.sqrt(self._scales[self._groups])
        new, old = rows * stretch, self._rows * stretch
        distances = (new**2).sum(1)[:, None] + (old**2).sum(1)[None, :] - 2 * new @ old.T
        kernel, _ = _matern(np.maximum(0.0, distances))
        variance = np.maximum(1e-9, 1 - ((kernel @ self._inverse) * kernel).sum(1))
        return self._mean + self._spread * (kernel @ self._weights), self._spread * np.sqrt(variance)


def _matern(distances: Array) -> tuple[Array, Array]:
    """The kernel, and its slope by the squared distance."""
    r = np.sqrt(5 * distances + 1e-12)
    fall = np.exp(-r)
    return (1 + r + r * r / 3) * fall, -(5 / 6) * (1 + r) * fall


def _fitted(parts: Array, seen: Array) -> tuple[Array, float]:
    """1 / length^2 for each parameter and the noise: the last of STEPS steps uphill."""
    prior = np.array([math.log(SCALE)] * len(parts) + [math.log(NOISE)])
    logs, before = prior + 0.5, np.zeros(len(prior))
    logs[-1] = prior[-1]
    step = np.full(len(prior), 0.3)
    for _ in range(STEPS):
        scales, noise = np.exp(logs[:-1]), math.exp(logs[-1])
        kernel, slope = _matern(np.tensordot(scales, parts, 1))
        inverse = np.linalg.inv(kernel + (noise + JITTER) * np.eye(len(seen)))
        weights = inverse @ seen
        inner = 0.5 * (np.outer(weights, weights) - inverse)
        uphill = np.append(np.tensordot(parts, inner * slope, 2) * scales, np.trace(inner) * noise)
        uphill -= (logs - prior) / DOUBT**2
        turned = uphill * before
        step = np.where(turned > 0, np.minimum(1.3 * step, 1.0), np.where(turned < 0, 0.5 * step, step))
        logs = np.clip(logs + np.sign(uphill) * step, math.log(1e-4), math.log(60))
        before = uphill
    return np.exp(logs[:-1]), math.exp(logs[-1])


def chance_above_zero(mean: Array, spread: Array) -> Array:
    """Probability of a normal value to be above zero."""
    return np.array([0.5 * math.erfc(-z / math.sqrt(2)) for z in mean / spread])


def improvement(mean: Array, spread: Array, best: float) -> Array:
    """How far above `best` a normal value is expected to be, counting below as nothing."""
    z = (mean - best) / spread
    return spread * (z * chance_above_zero(z, np.ones(len(z))) + np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))
