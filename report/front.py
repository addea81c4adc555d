"""The table of a campaign's front of several objectives, from the rows of the query `front`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from report.phrases import at_text, capital, column, objective_title, params_text

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """Of one objective: its title, the unit of every number below it, more or less, which level."""

    title: str
    unit: str
    better: str
    at: str


@dataclass(frozen=True, slots=True)
class Line:
    """One trial; `cells` are its values in the order and the units of the heads."""

    number: int
    entry: str
    params: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Front:
    heads: tuple[Head, ...]
    lines: tuple[Line, ...]


def front_table(rows: Sequence[Row]) -> Front:
    """The trials that nobody beats in all objectives, the best by the first objective first: read downwards, what the
    others gain is paid for in it."""
    kept = [row for row in rows if row["on_front"]]
    trials = [list(members) for _, members in groupby(kept, key=lambda row: row["number"])]
    if not trials:
        return Front((), ())
    first = trials[0][0]
    trials.sort(key=lambda trial: trial[0]["objective_value"], reverse=first["goal"] == "maximize")
    heads, columns = [], []
    for asked, *values in zip(trials[0], *trials, strict=True):
        unit, cells = column([row["objective_value"] for row in values], asked["objective"])
        better = "more" if asked["goal"] == "maximize" else "less"
        title = capital(objective_title(asked["objective"]))
        heads.append(Head(title, unit, better, at_text(asked["objective_at"])))
        columns.append(cells)
    lines = [
        Line(trial[0]["number"], trial[0]["entry"], params_text(trial[0]["params_json"]), cells)
        for trial, cells in zip(trials, zip(*columns, strict=True), strict=True)
    ]
    return Front(tuple(heads), tuple(lines))
