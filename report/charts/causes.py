"""What trials died of, and how far they had come."""

from __future__ import annotations

from collections import Counter
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import PHASES, WHOLE, drawing, phase_colour, width
from report.phrases import count, seconds_text


def spec() -> dict[str, Any]:
    import altair as alt

    bars = (
        drawing()
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X(
                "sum(trials):Q",
                title="Failed trials",
                axis=alt.Axis(labelExpr=WHOLE, ticks=False),
            ),
            y=alt.Y("cause:N", title=None, sort="-x"),
            fill=phase_colour(),
            order=alt.Order("phase_order:Q"),
            tooltip=[
                alt.Tooltip("cause:N"),
                alt.Tooltip("phase:N", title="failed at"),
                alt.Tooltip("trials:Q", title="failed trials"),
                alt.Tooltip("lost_text:N", title="time lost"),
            ],
        )
    )
    made: dict[str, Any] = bars.properties(**width()).to_dict()
    made["height"] = "@bars"  # a step per bar would do, but Vega warns of it in the width of a figure
    return made


def rows(data: Data) -> Rows:
    groups: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for group in data["failure_groups"]:
        found = groups.setdefault((group["cause"], group["phase"]), [])
        found.append((group["trials"], group["seconds_lost"]))
    return [
        {
            "cause": cause,
            "phase": phase,
            "phase_order": PHASES.index(phase),
            "trials": sum(trials for trials, _ in found),
            "lost_text": seconds_text(sum(lost for _, lost in found)),
        }
        for (cause, phase), found in sorted(groups.items())
    ]


def caption(rows: Rows, words: Words) -> str:
    causes: Counter[str] = Counter()
    for row in rows:
        causes[str(row["cause"])] += int(row["trials"])
    of = ", ".join(f"{n} of {cause}" for cause, n in sorted(causes.items(), key=lambda one: (-one[1], one[0])))
    return f"{count(causes.total(), 'failed trial')}: {of}. Colour: the phase they had reached."


def missing(rows: Rows, words: Words) -> str | None:
    return None if rows else "No trial has failed."


CHART: Chart = Chart(
    title="What trials died of",
    queries=("failure_groups",),
    words=("phases", "bars"),
    height=140,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
