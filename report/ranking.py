"""The table of ranks per load on a campaign's page, from the rows of the query `ranking`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from report.phrases import load_text, params_text
from runner.stats.ranking import Samples, Standing, Turn, standings, turns

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One configuration: `cells` holds its standing at each load of the table, None where it has no number."""

    number: int
    name: str
    is_best: bool
    cause: str | None
    cells: tuple[Standing | None, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """What may be ranked together: one load generator on one host, one scenario. `lines` go by the order at the
    heaviest load, failed ones last; `turns` name lines and count in `loads`."""

    setting: str
    scenario: str
    loads: tuple[str, ...]
    lines: tuple[Line, ...]
    turns: tuple[Turn, ...]


def rankings(rows: Sequence[Row]) -> list[Ranking]:
    """One per setting and scenario that has two loads and two configurations with a number; the rest says nothing about
    an order. A trial that failed before its first level stands in each."""
    groups = dict.fromkeys((row["setting"], row["scenario"]) for row in rows if row["samples"])
    made = [_ranking(rows, setting, scenario) for setting, scenario in groups]
    return [one for one in made if len(one.loads) > 1 and sum(any(line.cells) for line in one.lines) > 1]


def _ranking(rows: Sequence[Row], setting: str, scenario: str) -> Ranking:
    mine = [row for row in rows if row["scenario"] in (scenario, None) and row["setting"] in (setting, None)]
    names = {row["number"]: _name(row) for row in mine}
    loads = _loads(mine)
    at: list[Samples] = [_at(mine, names, value) for _, value in loads]
    higher = mine[0]["goal"] == "maximize"
    placed = [standings(samples, higher_is_better=higher) for samples in at]
    lines = [
        Line(number, name, row["is_best"], row["cause"], tuple(stood.get(name) for stood in placed))
        for number, name in names.items()
        for row in (next(row for row in mine if row["number"] == number),)
    ]
    lines.sort(key=lambda line: [cell.rank if cell else len(names) + 1 for cell in reversed(line.cells)])
    texts = tuple(load_text(kind, value) for kind, value in loads)
    return Ranking(setting, scenario, texts, tuple(lines), turns(at, higher_is_better=higher))


def _loads(rows: Sequence[Row]) -> list[tuple[str, float]]:
    """The loads, ascending. Where each configuration looked for one of its own, those that two of them share."""
    of: dict[tuple[str, float], set[int]] = {}
    for row in rows:
        if row["scenario"]:
            of.setdefault((row["load_kind"], row["load_value"]), set()).add(row["number"])
    searched = len({row["position"] for row in rows if row["scenario"]}) < len(of)
    return sorted((load for load, numbers in of.items() if len(numbers) > 1 or not searched), key=lambda one: one[1])


def _at(rows: Sequence[Row], names: Mapping[int, str], load: float) -> dict[str, list[float]]:
    """What each configuration measured at one load; repeats of a search may have come to it at different places."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row["load_value"] == load and row["samples"]:
            found.setdefault(names[row["number"]], []).extend(row["samples"])
    return found


def _name(row: Row) -> str:
    """As one reads it in a sentence: the number tells two configurations of one entry apart."""
    what = "defaults" if row["is_default"] else params_text(row["params_json"])
    return f"{row['entry']} {what}"
