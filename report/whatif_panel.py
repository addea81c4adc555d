"""What the page of a campaign says of other limits: the sliders' data, and a table for those who have no JavaScript."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from report.escape import BLOCK, in_chart, short, slug
from report.phrases import capital, objective_title, params_text, score_text
from report.whatif import Limits, Offer, answer, offers
from runner.domain.metrics import metric_ref
from runner.util.visible import visible

Row = Mapping[str, Any]
_SHOWN = 2
"""Metrics of the table; the sliders have all of them."""
_AT = (0.9, 0.5, 0.1)
"""Limits of the table that are nobody's: so much of what was measured lies below."""


@dataclass(frozen=True, slots=True)
class Limited:
    """A metric that a reader may limit. `own` is the campaign's tightest limit; `start` what holds before anybody moves
    a slider: the hard ones, for `goodput` all of them."""

    metric: str
    title: str
    least: bool
    own: float | None
    start: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: a limit in words, how many trials meet it, who wins with what; no winner: nobody does."""

    limit: str
    met: int
    winner: Row | None
    value: str


@dataclass(frozen=True, slots=True)
class Panel:
    """`lines` stand for the sliders where there is no JavaScript. `judged`: trials that SLOs decide over."""

    limited: tuple[Limited, ...]
    lines: tuple[Line, ...]
    judged: int


def case_of(row: Row) -> dict[str, Any]:
    """The case of one row of the query `whatif`."""
    stated = json.loads(row["limits_json"])
    return {
        "goal": row["goal"],
        "at": row["objective_at"],
        "declared": json.loads(row["declared_json"]),
        "least": [bool(one[1]) for one in stated],
        "trials": json.loads(row["levels_json"]),
    }


def limits_of(row: Row) -> list[Limited]:
    """Every limit of the row, in its order, those of metrics that nobody measured too."""
    every = row["objective_at"] == "goodput"
    return [
        Limited(metric, objective_title(metric), bool(least), own, own if every else hard)
        for metric, least, own, hard in json.loads(row["limits_json"])
    ]


def decisive(offered: Sequence[Offer], place: int) -> list[float]:
    """Every value that a limit of this metric is held against, ascending: the worst over the levels that it takes."""
    found = (step.worst[place] for _, groups in offered for steps in groups for step in steps if step.good)
    return sorted(value for value in found if value is not None)


def panel(rows: Sequence[Row], trials: Sequence[Row]) -> Panel | None:
    """The panel of a campaign, of its rows of the queries `whatif` and `trials`; None where no level could be judged by
    a limit."""
    if not rows:
        return None
    row = rows[0]
    case = case_of(row)
    limited = limits_of(row)
    offered, known = offers(case), {one["number"]: one for one in trials}
    seen = [(place, one, values) for place, one in enumerate(limited) if (values := decisive(offered, place))]
    if not seen:
        return None

    def line(limits: Limits, words: str) -> Line:
        found = answer(case, offered, limits)
        winner = None if found.winner is None else known[found.winner]
        return Line(words, found.met, winner, score_text(found.value, row["objective"]))

    lines = [line([None] * len(limited), "No limit")]
    for place, one, values in seen[:_SHOWN]:
        for limit in _tried(one, values):
            asked = [limit if n == place else None for n in range(len(limited))]
            words = f"{one.title} {'at least' if one.least else 'at most'} {score_text(limit, one.metric)}"
            lines.append(line(asked, capital(words)))
    return Panel(tuple(one for _, one, _ in seen), tuple(lines), len(case["trials"]))


def _tried(one: Limited, values: Sequence[float]) -> list[float]:
    """The campaign's own limit, and some that divide what was measured: rounded, so that they can be read."""
    found = {float(f"{values[round(share * (len(values) - 1))]:.2g}") for share in _AT}
    return sorted(found | ({one.own} if one.own is not None else set()), reverse=not one.least)


def data_file(campaign: str) -> str:
    """Where the data of the panel stand in the site."""
    return f"results/data/campaigns/{slug(campaign)}.whatif.js"


def script(campaign: str, row: Row, trials: Sequence[Row]) -> str:
    """The data file: a call, since a page from file:// may not fetch. `trials` are published rows with `number`,
    `status`, `phase`, `entry`, `params_json` and `launch`. No `</` is in it."""
    metric = metric_ref(row["objective"]).metric
    told = {
        "goal": row["goal"],
        "at": row["objective_at"],
        "objective": {"unit": metric.unit, "digits": metric.digits},
        "least": [bool(one[1]) for one in json.loads(row["limits_json"])],
        "limits": [_plain(one) for one in limits_of(row)],
        "names": {
            str(one["number"]): [
                in_chart(one["entry"]),
                in_chart(params_text(one["params_json"])),
                visible(short(one["launch"] or "", BLOCK)),
            ]
            for one in trials
            if one["status"] == "succeeded" or one["phase"] == "slo"
        },
        "of": sum(one["status"] != "withdrawn" for one in trials),
    }
    head = json.dumps(told, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
    # What DuckDB wrote stays as it is: every digit, and no second pass over the largest part of the file.
    text = f'{head[:-1]},"declared":{row["declared_json"]},"trials":{row["levels_json"]}}}'.replace("</", "<\\/")
    return f"__tunebookWhatif.take({json.dumps(slug(campaign))},{text});\n"


def _plain(one: Limited) -> dict[str, Any]:
    ref = metric_ref(one.metric)
    return {
        "metric": one.metric, "title": capital(one.title), "unit": ref.unit, "digits": ref.metric.digits,
        "least": one.least, "own": one.own, "start": one.start,
    }  # fmt: skip
