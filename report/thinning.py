"""Fewer marks where a chart would have thousands, and none of the counts lost.

What a reader looks for is always drawn: the rows that a chart names (the best, the front, where a line turns) and at
least one of every class that it tells apart, so every kind of failure. Of the other rows of a class, in their order,
one is drawn for each of so many bins of the same size; it says in `stands_for` how many it stands for, itself included.
So what a caption counts is what was measured, however much of it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]
MOST = 1000
"""Marks of one figure, about: a browser draws five thousand in half a second, and each is 300 bytes of a data file."""


def thinned(
    rows: Sequence[Row], named: Callable[[Row], bool], told_apart: Callable[[Row], Hashable], most: int = MOST
) -> Sequence[Row]:
    """About `most` of `rows`, in their order; all of them as they are when they are no more than that."""
    if len(rows) <= most:
        return rows
    kept: dict[int, int] = {}
    classes: dict[Hashable, list[int]] = {}
    for place, row in enumerate(rows):
        if named(row):
            kept[place] = 1
        else:
            classes.setdefault(told_apart(row), []).append(place)
    left = max(1, most - len(kept))
    others = len(rows) - len(kept)
    for places in classes.values():
        bins = max(1, len(places) * left // others)
        edges = [len(places) * at // bins for at in range(bins + 1)]
        for first, end in pairwise(edges):
            kept[places[first]] = end - first
    return [{**rows[place], "stands_for": kept[place]} for place in sorted(kept)]


def weight(row: Row) -> int:
    """How many rows it stands for."""
    return int(row.get("stands_for", 1))


def counted(rows: Sequence[Row]) -> int:
    return sum(map(weight, rows))


def drawn_text(rows: Sequence[Row], always: str) -> str:
    """A sentence for a caption that begins with a space, where not every mark is drawn; `always` says which are."""
    whole = counted(rows)
    if whole == len(rows):
        return ""
    return f" Drawn: {len(rows)} of {whole} marks, {always} among them; of the others one stands for its neighbours."
