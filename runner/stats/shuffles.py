"""How often would chance explain as much of an outcome? A permutation test of what one set of columns adds to another.

The outcome is regressed on `base`, the residuals are shuffled, and what `extra` explains of them is counted anew (D.
Freedman, D. Lane, Journal of Business & Economic Statistics 1 (1983) 292-298). With a constant `base` this is Fisher's
permutation test of the correlation ratio. No distribution is assumed: an outcome of zeros and ones is as good as ranks.

The shuffles follow from the number of observations alone, so that the same trials give the same answer.
"""

from __future__ import annotations

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


def added(outcome: Floats, base: Floats, extra: Floats) -> Added:
    """What `extra` (n x k) adds to `base` (n x r, with a constant among its columns) in explaining `outcome` (n)."""
    known = _basis(base)
    new = _basis(extra - known @ (known.T @ extra))
    rest = outcome - known @ (known.T @ outcome)
    free = len(outcome) - known.shape[1] - new.shape[1]
    whole = float(((outcome - outcome.mean()) ** 2).sum())
    left = float((rest**2).sum())
    if not new.shape[1] or free < 1 or left <= _ZERO * max(whole, 1.0):
        return Added(1.0, 0.0)
    inside = float(((rest @ new) ** 2).sum())
    explained = (inside - new.shape[1] * (left - inside) / free) / whole
    return Added(_chance(rest, known, new, inside / left), min(1.0, max(0.0, explained)))


def _chance(rest: Floats, known: Floats, new: Floats, observed: float) -> float:
    orders = _orders(len(rest))
    as_good = _as_good(rest[orders[:FIRST]], known, new, observed)
    if as_good >= ENOUGH:
        return (1 + as_good) / (1 + FIRST)
    as_good += _as_good(rest[orders[FIRST:]], known, new, observed)
    return (1 + as_good) / (1 + SHUFFLES)


def _as_good(shuffled: Floats, known: Floats, new: Floats, observed: float) -> int:
    """How many of `shuffled` (s x n) are explained at least as well; equal ones count, whatever rounding makes of
    them."""
    left = (shuffled**2).sum(axis=1) - ((shuffled @ known) ** 2).sum(axis=1)
    inside = ((shuffled @ new) ** 2).sum(axis=1)
    return int((inside >= (observed - _ZERO) * left).sum())


@lru_cache(maxsize=64)
def _orders(n: int) -> npt.NDArray[np.intp]:
    """SHUFFLES orders of n things."""
    return np.random.default_rng(n).random((SHUFFLES, n)).argsort(axis=1, kind="stable")


def _basis(columns: Floats) -> Floats:
    """Orthonormal columns that span the same."""
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    kept: Floats = left[:, sizes > _ZERO * len(columns)]
    return kept
