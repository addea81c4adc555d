"""How often would chance explain as much of an outcome? A permutation test of what one set of columns adds to another.

The outcome is regressed on `base`, the residuals are shuffled, and what `extra` explains of them is counted anew (D.
Freedman, D. Lane, Journal of Business & Economic Statistics 1 (1983) 292-298). With a constant `base` this is Fisher's
permutation test of the correlation ratio. No distribution is assumed: an outcome of zeros and ones is as good as ranks.

The shuffles follow from the number of observations alone, so that the same trials give the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

SHUFFLES = 999
FIRST, ENOUGH = 99, 10
"""Where ENOUGH of the FIRST shuffles do as well, the chance is above 10 % and the rest would not change what is said
(J. Besag, P. Clifford, Biometrika 78 (1991) 301-304)."""
_ZERO = 1e-9


@dataclass(frozen=True, slots=True)
class Added:
    """`chance` in (0, 1]: the share of shuffles in which `extra` explains at least as much. `explained` in [0, 1]: the
    share of the outcome's whole variance that `extra` explains beyond `base`, less what so many columns explain by
    chance (epsilon squared: T. L. Kelley, Proceedings of the National Academy of Sciences 21 (1935) 554-559)."""

    chance: float
    explained: float


def added(outcome: Floats, base: Floats, extras: Sequence[Floats]) -> list[Added]:
    """What each of `extras` (n x k) by itself adds to `base` (n x r, with a constant among its columns) in explaining
    `outcome` (n). They share the shuffles, which cost the most."""
    known = _basis(base)
    rest = outcome - known @ (known.T @ outcome)
    whole = float(((outcome - outcome.mean()) ** 2).sum())
    left = float((rest**2).sum())
    news = [_basis(extra - known @ (known.T @ extra)) for extra in extras]
    frees = [len(outcome) - known.shape[1] - new.shape[1] for new in news]
    found = [Added(1.0, 0.0)] * len(news)
    asked = [at for at, new in enumerate(news) if new.shape[1] and frees[at] >= 1 and left > _ZERO * max(whole, 1.0)]
    insides = {at: float(((rest @ news[at]) ** 2).sum()) for at in asked}
    chances = _chances(rest, known, [news[at] for at in asked], [insides[at] / left for at in asked])
    for at, chance in zip(asked, chances, strict=True):
        by_chance = news[at].shape[1] * (left - insides[at]) / frees[at]
        found[at] = Added(chance, min(1.0, max(0.0, (insides[at] - by_chance) / whole)))
    return found


def _chances(rest: Floats, known: Floats, news: Sequence[Floats], observed: Sequence[float]) -> list[float]:
    if not news:
        return []
    orders = _orders(len(rest))
    counts = _as_good(rest[orders[:FIRST]], known, news, observed)
    unsure = [at for at, count in enumerate(counts) if count < ENOUGH]
    chances = [(1 + count) / (1 + FIRST) for count in counts]
    if unsure:
        shuffled = rest[orders[FIRST:]]
        more = _as_good(shuffled, known, [news[at] for at in unsure], [observed[at] for at in unsure])
        for at, count in zip(unsure, more, strict=True):
            chances[at] = (1 + counts[at] + count) / (1 + SHUFFLES)
    return chances


def _as_good(shuffled: Floats, known: Floats, news: Sequence[Floats], observed: Sequence[float]) -> list[int]:
    """In how many of `shuffled` (s x n) each of `news` explains at least as much; equal ones count, whatever rounding
    makes of them."""
    left = (shuffled**2).sum(axis=1) - ((shuffled @ known) ** 2).sum(axis=1)
    starts = np.cumsum([0, *(new.shape[1] for new in news[:-1])])
    insides = np.add.reduceat((shuffled @ np.hstack(list(news))) ** 2, starts, axis=1)
    enough = left[:, None] * (np.array(observed) - _ZERO)
    return [int(count) for count in (insides >= enough).sum(axis=0)]


@lru_cache(maxsize=64)
def _orders(n: int) -> npt.NDArray[np.intp]:
    """SHUFFLES orders of n things."""
    return np.random.default_rng(n).random((SHUFFLES, n)).argsort(axis=1, kind="stable")


def _basis(columns: Floats) -> Floats:
    """Orthonormal columns that span the same."""
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    kept: Floats = left[:, sizes > _ZERO * len(columns)]
    return kept
