"""Where configurations of an entry fail: a grid over the two parameters that decide most over it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

from report.importance import FAILING, Importance, importances
from runner.stats.importance import FEWEST, FEWEST_EACH, grouped

Row: TypeAlias = Mapping[str, Any]

ASKED = 12
"""Entries of which it is asked what decides: that takes time, and the page of each campaign has the answer too."""
MAPS = 4


@dataclass(frozen=True, slots=True)
class Cell:
    """Trials of the entry whose two values lie in one group each."""

    x: str
    y: str
    trials: int
    failed: int


@dataclass(frozen=True, slots=True)
class Region:
    """A map. `across` and `down` name the two parameters, `xs` and `ys` their groups in order; `cells` are those that
    were tried. `told`: whether the second was told apart from chance, as the first was. `others` also varied."""

    campaign: str
    entry: str
    across: str
    down: str
    xs: tuple[str, ...]
    ys: tuple[str, ...]
    cells: tuple[Cell, ...]
    told: bool
    others: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.campaign}, {self.entry}"


def regions(trials: Sequence[Row], campaigns: Sequence[Row]) -> list[Region]:
    """The maps of the entries with most failed trials, of those in which a parameter decides over failing: at most MAPS
    of the first ASKED. `trials` are rows of the query `failing_entries`, or of `trials`: both go by campaign."""
    goals = {row["campaign"]: row["goal"] for row in campaigns}
    groups = []
    for (campaign, entry), rows in groupby(sorted(trials, key=_entry), key=_entry):
        judged = [row for row in rows if row["status"] != "unmeasured"]
        failed = sum(row["status"] == "failed" for row in judged)
        if len(judged) >= FEWEST and min(failed, len(judged) - failed) >= FEWEST_EACH:
            groups.append((-failed, campaign, entry, judged))
    groups.sort(key=lambda one: one[:3])
    found: list[Region] = []
    for _, campaign, entry, judged in groups[:ASKED]:
        weights = [one for one in importances(judged, goals[campaign]) if one.outcome == FAILING]
        region = _region(campaign, entry, judged, weights)
        found += [region] if region else []
        if len(found) == MAPS:
            break
    return found


def _entry(row: Row) -> tuple[str, str]:
    return row["campaign"], row["entry"]


def _region(campaign: str, entry: str, judged: Sequence[Row], found: Sequence[Importance]) -> Region | None:
    asked = [one.weight for one in found if one.weight.lacks is None]
    if len(asked) < 2 or not asked[0].matters:
        return None
    # The surest stands first, and what is not told apart from chance behind what is.
    first, second = asked[0], asked[1]
    points = [(params, row["status"] == "failed") for row in judged for params in (json.loads(row["params_json"]),)]
    points = [(params, bad) for params, bad in points if first.parameter in params and second.parameter in params]
    if not points:
        return None
    x_codes, xs = grouped([params[first.parameter] for params, _ in points])
    y_codes, ys = grouped([params[second.parameter] for params, _ in points])
    counted: dict[tuple[int, int], list[bool]] = {}
    for x, y, (_, bad) in zip(x_codes, y_codes, points, strict=True):
        counted.setdefault((x, y), []).append(bad)
    cells = tuple(Cell(xs[x], ys[y], len(bads), sum(bads)) for (x, y), bads in sorted(counted.items()))
    used = {first.parameter, second.parameter}
    values: dict[str, set[str]] = {}
    for params, _ in points:
        for name, value in params.items():
            values.setdefault(name, set()).add(str(value))
    others = tuple(sorted(name for name, seen in values.items() if len(seen) > 1 and name not in used))
    return Region(
        campaign, entry, first.parameter, second.parameter, tuple(xs), tuple(ys), cells, second.matters, others
    )
