"""Share of trials that failed at each value of a parameter, over all campaigns."""

from __future__ import annotations

from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._values import drawn_spec, mine, told, value_rows


def spec() -> dict[str, Any]:
    return drawn_spec("Trials that failed (%)", whole=True)


def rows(data: Data) -> Rows:
    return value_rows(data, failing=True)


def caption(rows: Rows, words: Words) -> str:
    return f"Failed, with 95 % interval (Wilson). {told(rows, words, 'failed_text')}."


def missing(rows: Rows, words: Words) -> str | None:
    return None if mine(rows, words) else "No campaign tried two values of it."


CHART: Chart = Chart(
    title="Failing by value",
    queries=("parameters",),
    words=("setting", "parameter", "verdicts"),
    height=170,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
