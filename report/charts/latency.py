"""Latency percentiles against load: the best trial beside the default of its entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import ENTRY_COLOURS, drawing, width
from runner.domain.metrics import METRICS, format_value

_METRICS = ("ttft", "tpot", "e2e")
_STATS = ("p50", "p90", "p99")


def spec() -> dict[str, Any]:
    import altair as alt

    base = drawing().transform_filter(alt.FieldEqualPredicate(field="metric", equal="@metric"))
    base = base.transform_filter(alt.FieldEqualPredicate(field="scenario", equal="@scenario"))
    x = alt.X("load_value:Q", title="@load", scale=alt.Scale(type="log", base=2, nice=False, padding=16))
    # One legend for colour, dash and shape: they say the same thing three times, for eyes that miss one of them. Scales
    # that find their domain themselves get a legend each. It names what is drawn: where the default is the best there
    # is one line.
    legend, drawn = alt.Legend(title=None, symbolOpacity=1, symbolStrokeWidth=0), alt.ExprRef("@which")
    colour = alt.Color("which:N", scale=alt.Scale(domain=drawn, range=list(ENTRY_COLOURS[:2])), legend=legend)
    dash = alt.StrokeDash("which:N", scale=alt.Scale(domain=drawn, range=[[1, 0], [5, 4]]), legend=legend)
    shape = alt.Shape("which:N", scale=alt.Scale(domain=drawn, range=["circle", "square"]), legend=legend)
    y = alt.Y("p50:Q", title="@axis", scale=alt.Scale(type="log", nice=False, padding=10))
    band = base.mark_area(opacity=0.18).encode(x=x, y=y, y2="p99:Q", color=colour)
    line = base.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour, strokeDash=dash)
    point = base.mark_point(filled=True, size=55, opacity=1).encode(
        x=x,
        y=y,
        color=colour,
        shape=shape,
        tooltip=[
            alt.Tooltip("which:N", title="configuration"),
            alt.Tooltip("load_value:Q", title="load"),
            alt.Tooltip("p50_text:N", title="p50"),
            alt.Tooltip("p90_text:N", title="p90"),
            alt.Tooltip("p99_text:N", title="p99"),
        ],
    )
    made: dict[str, Any] = alt.layer(band, line, point).properties(height=220, **width()).to_dict()
    return made


def rows(data: Data) -> Rows:
    return [
        {
            "which": level["which"],
            "metric": metric,
            "scenario": level["scenario"],
            "load_value": level["load_value"],
            **{stat: level[f"{metric}_{stat}"] for stat in _STATS},
            **{f"{stat}_text": format_value(level[f"{metric}_{stat}"], METRICS[metric]) for stat in _STATS},
        }
        for level in data["compared_levels"]
        for metric in _METRICS
        if level[f"{metric}_p50"] is not None
    ]


def caption(rows: Rows, words: Words) -> str:
    best = [row for row in _drawn(rows, words) if row["which"] == "best"]
    if not best:
        return "0 levels of the best trial carry this metric."
    first, last = best[0], best[-1]
    text = "As the search measured it. Line: p50. Band: p50 to p99. "
    text += f"Best at load {first['load_value']:g}: {_both(first)}"
    if last is not first:
        text += f"; at load {last['load_value']:g}: {_both(last)}"
    return text + "."


def _drawn(rows: Rows, words: Words) -> Rows:
    return [row for row in rows if row["metric"] == words["metric"] and row["scenario"] == words["scenario"]]


def _both(row: Mapping[str, Any]) -> str:
    return f"p50 {row['p50_text']}, p99 {row['p99_text']}"


def missing(rows: Rows, words: Words) -> str | None:
    return None if _drawn(rows, words) else "No level of the best trial carries this metric."


CHART: Chart = Chart(
    title="Latency against load",
    queries=("compared_levels",),
    words=("metric", "scenario", "load", "axis", "which"),
    height=220,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
