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
    loads = sorted({(row["position"], row["load_kind"], row["load_value"]) for row in mine if row["scenario"]})
    names = {row["number"]: _name(row) for row in mine}
    at: list[Samples] = [
        {names[row["number"]]: row["samples"] for row in mine if row["position"] == position and row["samples"]}
        for position, _, _ in loads
    ]
    higher = mine[0]["goal"] == "maximize"
    placed = [standings(samples, higher_is_better=higher) for samples in at]
    lines = [
        Line(number, name, row["is_best"], row["cause"], tuple(stood.get(name) for stood in placed))
        for number, name in names.items()
        for row in (next(row for row in mine if row["number"] == number),)
    ]
    lines.sort(key=lambda line: [cell.rank if cell else len(names) + 1 for cell in reversed(line.cells)])
    texts = tuple(load_text(kind, value) for _, kind, value in loads)
    return Ranking(setting, scenario, texts, tuple(lines), turns(at, higher_is_better=higher))


def _name(row: Row) -> str:
    """As one reads it in a sentence: the number tells two configurations of one entry apart."""
    what = "defaults" if row["is_default"] else params_text(row["params_json"])
    return f"{row['entry']} {what}"
