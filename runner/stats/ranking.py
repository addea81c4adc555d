"""Who leads at which load, and does the order turn from one load to another?

A rank goes by the median over attempts: a percentile of one attempt is one sample here, and is never averaged. Whether
two neighbours in the order, or a turn of it, are more than scatter is `compare`'s question, at its confidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from runner.domain.failure import Verdict
from runner.stats.compare import compare

Samples = Mapping[str, Sequence[float]]
"""Name of a configuration -> its value in each attempt."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One configuration at one load. `rank` counts from 1, and equal medians share one (1, 2, 2, 4); `told_apart`: its
    repeats are surely worse than those of the one above (true for the first); `middle`, `low`, `high` are median and
    range of its `attempts` values."""

    rank: int
    told_apart: bool
    middle: float
    low: float
    high: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Turn:
    """`first` is ahead of `second` at the load `ahead` and behind it at the load `behind`; both numbers are places in
    the given sequence. `sure`: both intervals leave out 0; else more repeats would tell."""

    first: str
    second: str
    ahead: int
    behind: int
    sure: bool


def standings(samples: Samples, *, higher_is_better: bool) -> dict[str, Standing]:
    """Each configuration's place at one load, the leader first. One without a value has no place."""
    known = {name: values for name, values in samples.items() if values}
    order = sorted(known, key=lambda name: median(known[name]), reverse=higher_is_better)
    found: dict[str, Standing] = {}
    for place, name in enumerate(order):
        above = order[place - 1] if place else None
        apart = above is None or _better(known[above], known[name], higher_is_better)
        values = known[name]
        middle = median(values)
        level = above is not None and found[above].middle == middle
        rank = found[above].rank if above is not None and level else place + 1
        found[name] = Standing(rank, apart, middle, min(values), max(values), len(values))
    return found


def turns(loads: Sequence[Samples], *, higher_is_better: bool) -> tuple[Turn, ...]:
    """Every pair of configurations whose order is not the same at all loads, the sure ones first. One pair has one
    turn: a sure one where there is, else the first."""
    names = list(dict.fromkeys(name for load in loads for name in load))
    found = [turn for pair in combinations(names, 2) if (turn := _turn(*pair, loads, higher_is_better))]
    return tuple(sorted(found, key=lambda turn: not turn.sure))


def _turn(a: str, b: str, loads: Sequence[Samples], higher: bool) -> Turn | None:
    both = {at: (load[a], load[b]) for at, load in enumerate(loads) if load.get(a) and load.get(b)}
    sign = 1 if higher else -1
    gaps = {at: sign * (median(mine) - median(theirs)) for at, (mine, theirs) in both.items()}
    ahead = [at for at, gap in gaps.items() if gap > 0]
    behind = [at for at, gap in gaps.items() if gap < 0]
    if not ahead or not behind:
        return None
    surely_ahead = [at for at in ahead if _better(*both[at], higher)]
    surely_behind = [at for at in behind if _better(both[at][1], both[at][0], higher)]
    sure = bool(surely_ahead and surely_behind)
    return Turn(a, b, (surely_ahead if sure else ahead)[0], (surely_behind if sure else behind)[0], sure)


def _better(a: Sequence[float], b: Sequence[float], higher: bool) -> bool:
    return compare(a, b, higher).verdict is Verdict.BETTER
