"""Which entry the next trial belongs to, where an entry has had too little of the budget. Pure.

The root choice of the space is the entry, and a sampler that learns may leave an engine for good after an unlucky
start. So each entry is owed a share; what is above the shares flows to what promises more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from runner.domain.campaign import Search
from runner.domain.parameters import Space
from runner.samplers import Told

UNLEARNED = ("grid", "random")
"""Samplers that favour no entry."""

SHARE = 4
"""An entry gets at least one in so many of the trials that an even split would give it."""


def owed(search: Search, space: Space, tried: Collection[str]) -> str | None:
    """The entry that the next trial belongs to; None: the sampler is free. `tried` is the entry of each trial so far
    that is no default.

    Owed are the entry's part of the start-up trials, at least two, and later a quarter of an even split. The entry
    that lacks most comes first, in the order of the file.
    """
    names = [entry.entry for entry in space.entries]
    if len(names) < 2 or search.sampler in UNLEARNED:
        return None
    had = Counter(tried)
    floor = max(2, search.startup // len(names), (len(tried) + 1) // (SHARE * len(names)))
    poorest = min(names, key=lambda name: had[name])
    return poorest if had[poorest] < floor else None


def narrowed(space: Space, told: Sequence[Told], entry: str | None) -> tuple[Space, list[Told]]:
    """Space and history of that entry alone; all of them for None."""
    if entry is None:
        return space, list(told)
    return Space((space.entry(entry),), space.constants), [one for one in told if one.point.entry == entry]
