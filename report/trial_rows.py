"""Which trials stand in the table of a campaign's page, where it has more than a page can show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]
MOST = 100
KEPT = (
    "the best, the defaults, those that were compared or confirmed, the front, the first of each way to fail, those "
    "that were the best so far, withdrawn ones, then the best scores"
)
"""The order in which they take their places."""


@dataclass(frozen=True, slots=True)
class Shown:
    """`rows` by number; `left` of `all` are not among them; `last` is the highest number of all. `kept` is the rule."""

    rows: Sequence[Row]
    all: int
    left: int
    last: int
    kept: str = KEPT


def shown_rows(rows: Sequence[Row], comparisons: Sequence[Row], front: Sequence[Row]) -> Shown:
    """Of the rows of the queries `trials` and `retractions` together at most MOST, in the order of their numbers, a
    trial before what was withdrawn of it. The rule is KEPT; of two with the same claim the earlier one."""
    ordered = sorted(rows, key=lambda row: int(row["number"]))
    last = int(ordered[-1]["number"]) if ordered else -1
    if len(ordered) <= MOST:
        return Shown(ordered, len(ordered), 0, last)
    chosen: dict[int, Row] = {}
    for row in _claims(ordered, comparisons, front):
        chosen[id(row)] = row
        if len(chosen) == MOST:
            break
    kept = [row for row in ordered if id(row) in chosen]
    return Shown(kept, len(ordered), len(ordered) - len(kept), last)


def _claims(ordered: Sequence[Row], comparisons: Sequence[Row], front: Sequence[Row]) -> Iterator[Row]:
    """Every row, those with the best claim first; one may come again."""
    trials = [row for row in ordered if "retracted_utc" not in row]
    compared = {row[side] for row in comparisons for side in ("number_a", "number_b")}
    unbeaten = {row["number"] for row in front if row["on_front"]}
    ways: dict[tuple[str, str], Row] = {}
    for row in trials:
        if row["status"] == "failed":
            ways.setdefault((row["cause"], row["phase"]), row)
    yield from (row for row in trials if row["is_best"])
    yield from (row for row in trials if row["is_default"])
    yield from (row for row in trials if row["number"] in compared or row["confirm_repeats"])
    yield from (row for row in trials if row["number"] in unbeaten)
    yield from ways.values()
    yield from (row for row in trials if row["score"] is not None and row["score"] == row["best_so_far"])
    yield from (row for row in ordered if "retracted_utc" in row)
    scored = [row for row in trials if row["score"] is not None]
    higher = any(after["best_so_far"] > before["best_so_far"] for before, after in pairwise(scored))
    yield from sorted(scored, key=lambda row: -row["score"] if higher else row["score"])
    yield from trials
