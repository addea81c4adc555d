"""What became of configurations that can not work: refused before they ran, or found out by a failed trial."""

from __future__ import annotations

from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import WHOLE, drawing, width

REFUSED, MISSED, WRONG = "refused", "not foreseen", "wrongly refused"
COLOURS = {REFUSED: "#0072B2", MISSED: "#D55E00", WRONG: "#7A5195"}


def spec() -> dict[str, Any]:
    import altair as alt

    scale = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    bars = (
        drawing()
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X("sum(configurations):Q", title="Configurations", axis=alt.Axis(labelExpr=WHOLE, ticks=False)),
            y=alt.Y("campaign:N", title=None, sort="-x"),
            fill=alt.Fill("what:N", scale=scale, sort=list(COLOURS), title="What became of it"),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("campaign:N"),
                alt.Tooltip("what:N", title="what became of it"),
                alt.Tooltip("configurations:Q"),
            ],
        )
    )
    made: dict[str, Any] = bars.properties(**width()).to_dict()
    made["height"] = "@bars"
    return made


def rows(data: Data) -> Rows:
    found = []
    for row in data["precheck"]:
        if row["rule"] != "all":
            continue
        wrong = row["audited"] - row["failed"]
        for place, (what, number) in enumerate(
            ((REFUSED, row["rejected"] - wrong), (MISSED, row["unforeseen"]), (WRONG, wrong))
        ):
            if number:
                found.append({"campaign": row["campaign"], "what": what, "place": place, "configurations": number})
    return found


def caption(rows: Rows, words: Words) -> str:
    total = {what: sum(int(row["configurations"]) for row in rows if row["what"] == what) for what in COLOURS}
    told = f"{total[REFUSED]} refused, {total[MISSED]} not foreseen (a trial failed of memory or flags)"
    return f"{told}, {total[WRONG]} wrongly refused (an audit served)."


def missing(rows: Rows, words: Words) -> str | None:
    return None if rows else "Nothing was refused, and no trial failed of memory or flags."


CHART: Chart = Chart(
    title="What the pre-check saw, and what it missed",
    queries=("precheck",),
    words=("bars",),
    height=140,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
