"""Several objectives: how much of what the whole search found its front covered after each trial (hypervolume)."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import GREY, WHOLE, drawing, entry_colour, entry_shape, width
from report.phrases import count, objective_title, params_text, score_text
from report.thinning import counted, drawn_text, thinned
from runner.stats.pareto import hypervolume, pareto_front


def spec() -> dict[str, Any]:
    import altair as alt

    base = drawing()
    x = alt.X(
        "number:Q",
        title="Trial",
        axis=alt.Axis(labelExpr=WHOLE, tickMinStep=1),
        scale=alt.Scale(nice=False, padding=14),
    )
    y = alt.Y("share:Q", title="Hypervolume, share of the last (%)", scale=alt.Scale(domain=[0, 100], padding=8))
    line = base.mark_line(interpolate="step-after", strokeWidth=2, opacity=0.8, color=GREY).encode(x=x, y=y)
    points = base.transform_filter("datum.on_front").mark_point(filled=True, size=85, opacity=1)
    tooltip = [
        alt.Tooltip("number:Q", title="trial"),
        alt.Tooltip("entry:N"),
        alt.Tooltip("params:N", title="parameters"),
        alt.Tooltip("values:N", title="objectives"),
    ]
    marks = points.encode(x=x, y=y, color=entry_colour(), shape=entry_shape(), tooltip=tooltip)
    made: dict[str, Any] = alt.layer(line, marks).properties(height=220, **width()).to_dict()
    return made


def rows(data: Data) -> Rows:
    """The reference is the worst value of each objective among all successes, so a front of one point covers nothing
    and what is shown is a share of what the search ended with."""
    trials = [list(members) for _, members in groupby(data["front"], key=lambda row: row["number"])]
    if not trials:
        return []
    higher = [row["goal"] == "maximize" for row in trials[0]]
    points = [[float(row["value"]) for row in trial] for trial in trials]
    columns = list(zip(*points, strict=True))
    worst = [min(column) if up else max(column) for column, up in zip(columns, higher, strict=True)]
    whole = hypervolume([points[place] for place in pareto_front(points, higher)], worst, higher)
    found: list[dict[str, Any]] = []
    kept: list[list[float]] = []
    turns: set[int] = set()
    covered = 0.0
    for trial, point in zip(trials, points, strict=True):
        first = trial[0]
        # Only who joins the front so far adds to it: the volume of thousands is that of some dozens.
        front = pareto_front([*kept, point], higher)
        if len(kept) in front:
            kept = [[*kept, point][place] for place in front]
            covered = hypervolume(kept, worst, higher)
            turns.add(first["number"])
        found.append(
            {
                "number": first["number"],
                "entry": first["entry"],
                "params": params_text(first["params_json"]),
                "values": ", ".join(
                    f"{objective_title(row['objective'])} {score_text(row['objective_value'], row['objective'])}"
                    for row in trial
                ),
                "share": round(100 * covered / whole, 3) if whole > 0 else 0.0,
                "on_front": first["on_front"],
            }
        )
    return thinned(found, lambda row: row["on_front"] or row["number"] in turns, lambda row: row["entry"])


def caption(rows: Rows, words: Words) -> str:
    front = [row for row in rows if row["on_front"]]
    late = next((row["number"] for row in rows if row["share"] >= 95), None)
    reached = f" 95 % of it was there after trial {late}." if late is not None else ""
    return (
        f"{len(front)} of {count(counted(rows), 'success')} on the front (points). The line is the hypervolume of the "
        f"front so far, from the worst value of each objective on, as a share of the last.{reached}"
        + drawn_text(rows, "the front and every turn of the line")
    )


def missing(rows: Rows, words: Words) -> str | None:
    if len(rows) < 2:
        return "Fewer than two trials succeeded: nothing has grown yet."
    grew = any(row["share"] for row in rows)
    return None if grew else "No trial is better than the worst value of every objective at once: it covers no space."


CHART: Chart = Chart(
    title="How the front grew",
    queries=("front",),
    words=("entries",),
    height=220,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
