"""How far trials stay behind the best at each value of a parameter, over all campaigns: failed ones have no score."""

from __future__ import annotations

from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._values import drawn_spec, mine, told, value_rows


def spec() -> dict[str, Any]:
    return drawn_spec("Behind the best score (%)", whole=False)


def rows(data: Data) -> Rows:
    return value_rows(data, failing=False)


def caption(rows: Rows, words: Words) -> str:
    return (
        f"Median gap, with 95 % interval; failed trials have none (✕: nothing lived). {told(rows, words, 'gap_text')}."
    )


def missing(rows: Rows, words: Words) -> str | None:
    drawn = mine(rows, words)
    if not drawn:
        return "No campaign tried two values of it."
    return None if any(row["middle"] is not None for row in drawn) else "No trial succeeded with it."


CHART: Chart = Chart(
    title="Effect by value",
    queries=("parameters",),
    words=("setting", "parameter", "verdicts"),
    height=170,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
