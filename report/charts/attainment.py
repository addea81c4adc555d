"""Share of requests that met every SLO against the load, where the highest good load was searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import GREY, drawing, width
from report.phrases import count, load_text, unsure

HOLDS, MISSES, UNSURE = "holds", "misses", "not sure"
COLOURS = {HOLDS: "#009E73", MISSES: "#D55E00", UNSURE: GREY}
SHAPES = ("circle", "square", "diamond")


def spec() -> dict[str, Any]:
    import altair as alt

    base = drawing().transform_filter(alt.FieldEqualPredicate(field="scenario", equal="@scenario"))
    x = alt.X("load_value:Q", title="@load", scale=alt.Scale(type="log", base=2, nice=False, padding=16))
    y = alt.Y("attainment:Q", title="Requests that met every SLO (%)", scale=alt.Scale(domain=[0, 100], padding=8))
    verdicts = list(COLOURS)
    colour = alt.Color("verdict:N", scale=alt.Scale(domain=verdicts, range=list(COLOURS.values())), title="The load")
    shape = alt.Shape("verdict:N", scale=alt.Scale(domain=verdicts, range=list(SHAPES)), title="The load")
    asked = base.mark_rule(strokeDash=[5, 4], color=GREY).encode(y="max(target):Q")
    line = base.mark_line(strokeWidth=1.5, color=GREY, opacity=0.8).encode(x=x, y=y)
    interval = base.mark_rule(strokeWidth=2).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour)
    points = base.mark_point(filled=True, size=85, opacity=1).encode(
        x=x,
        y=y,
        color=colour,
        shape=shape,
        tooltip=[
            alt.Tooltip("load:N"),
            alt.Tooltip("verdict:N", title="the load"),
            alt.Tooltip("text:N", title="met every SLO"),
        ],
    )
    made: dict[str, Any] = alt.layer(asked, line, interval, points).properties(height=220, **width()).to_dict()
    return made


def rows(data: Data) -> Rows:
    """One of each level that was measured, by load. A level that failed as a whole has no attainment: the table names
    it."""
    return [
        {
            "scenario": level["scenario"],
            "load_value": level["load_value"],
            "load": load_text(level["load_kind"], level["load_value"]),
            "attainment": 100 * level["attainment"],
            "low": 100 * level["attainment_low"],
            "high": 100 * level["attainment_high"],
            "target": 100 * level["target"],
            "verdict": _verdict(level),
            "text": f"{_percent(level['attainment'])} of {level['sent']} requests, "
            f"95 % interval {_percent(level['attainment_low'])} to {_percent(level['attainment_high'])}",
            "edge": {level["capacity_low"]: "low", level["capacity_high"]: "high"}.get(level["load_value"]),
        }
        for level in data["capacities"]
        if level["attainment"] is not None and level["attainment_low"] is not None
    ]


def _verdict(level: Mapping[str, Any]) -> str:
    if unsure(level):
        return UNSURE
    return HOLDS if level["held"] else MISSES


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def caption(rows: Rows, words: Words) -> str:
    mine = _drawn(rows, words)
    edges = {row["edge"]: row for row in mine if row["edge"]}
    told = [
        f"{edges[edge]['load']}, the {what}: {edges[edge]['text']}"
        for edge, what in (("low", "highest load that held"), ("high", "lowest that missed"))
        if edge in edges
    ]
    open_ones = sum(row["verdict"] == UNSURE for row in mine)
    return (
        f"{count(len(mine), 'load')} tried. {'. '.join(told)}{'. ' if told else ''}"
        f"Bars: 95 % interval (Wilson). Dashed: the {mine[0]['target']:g} % that were asked for."
        + (f" Not sure: the interval holds them, too ({count(open_ones, 'load')})." if open_ones else "")
    )


def _drawn(rows: Rows, words: Words) -> Rows:
    return [row for row in rows if row["scenario"] == words["scenario"]]


def missing(rows: Rows, words: Words) -> str | None:
    return None if _drawn(rows, words) else "No level of this load was judged."


CHART: Chart = Chart(
    title="SLO attainment against load",
    queries=("capacities",),
    words=("scenario", "load"),
    height=220,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
