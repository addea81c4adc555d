"""What was measured of the samplers, for the methodology page: `make bench-search` writes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

HEADS = {
    "regret @10": "Regret after 10",
    "@20": "after 20",
    "@40": "after 40",
    "p against tpe": "p against tpe",
    "failed": "Failed",
    "first success": "First success",
    "ever": "Searches with a success",
    "hung": "Hung",
    "hours": "Hours",
    "of it failed": "Of them on failures",
    "asks, CPU": "CPU of all asks",
}
"""Column of the benchmark -> its head on the page."""
SHOWN = {"inf": "infinite"}
"""A search whose name looks like a number that is none."""
ANSWER = ("regret @10", "@20", "@40", "p against tpe", "failed", "first success")
"""The columns that say who searches better. The others say what that took."""


@dataclass(frozen=True, slots=True)
class Table:
    """Of one landscape. The first cell of a row is the name of the search."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def measured() -> dict[str, Any]:
    """The parts of `report/search.json`: `bench`, all samplers and ways to tell failures on landscapes whose optimum is
    known, with the goals that were met or missed. Empty when nothing was measured yet."""
    path = files("report").joinpath("search.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def in_two(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> tuple[Table, Table]:
    """One landscape of the benchmark as two tables that fit a page: who finds it, and what that took. `rows` are the
    name of the search and a cell for each of `columns`."""
    answer = [place for place, name in enumerate(columns) if name in ANSWER]
    return _table(rows, columns, answer), _table(rows, columns, [n for n in range(len(columns)) if n not in answer])


def _table(rows: Sequence[Sequence[str]], columns: Sequence[str], places: Sequence[int]) -> Table:
    heads = tuple(HEADS.get(columns[place], columns[place]) for place in places)
    cells = ((SHOWN.get(row[0], row[0]), *(_cell(columns[n], row[n + 1]) for n in places)) for row in rows)
    return Table(heads, tuple(cells))


def _cell(column: str, text: str) -> str:
    """A chance of a millionth is told by no twenty searches."""
    if column.startswith("p ") and text:
        return "< 0.001" if float(text) < 0.001 else text
    return text or "–"
