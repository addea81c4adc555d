"""What the GPUs of the best trial did over time: memory, power and utilisation, with its levels behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import ENTRY_COLOURS, GREY, drawing, width
from report.phrases import count, load_text
from runner.domain.metrics import METRICS, format_value

Row = Mapping[str, Any]

PANELS = {
    "gpu_memory": ("memory_gb", 1.0),
    "gpu_power": ("power_watts", 1.0),
    "gpu_utilization": ("utilization", 100.0),
}
"""Metric -> its column in the query, and what turns it into the unit of the axis."""
_LABELLED = 0.05
"""A level that took less of the time than that has no room for its name."""


def spec() -> dict[str, Any]:
    import altair as alt

    base = drawing().transform_filter(alt.FieldEqualPredicate(field="metric", equal="@metric"))
    x = alt.X("seconds:Q", title="Seconds since the start of the attempt", scale=alt.Scale(nice=False, zero=False))
    levels = base.transform_filter("datum.level != null")
    told = [alt.Tooltip("level:N"), alt.Tooltip("seconds:Q", title="from (s)"), alt.Tooltip("until:Q", title="to (s)")]
    band = levels.mark_rect(color=GREY, opacity=0.14).encode(x=x, x2="until", tooltip=told)
    name = levels.mark_text(align="left", baseline="bottom", fontSize=10).encode(
        x=x,
        y=alt.value(-3),  # above the frame: a line may run anywhere in it
        text=alt.Text("label:N"),
    )
    colour = alt.Color("gpu:N", scale=alt.Scale(range=list(ENTRY_COLOURS)), title=None)
    line = (
        base.transform_filter("datum.value != null")
        .mark_line(strokeWidth=1.5, point=alt.OverlayMarkDef(size=8))
        .encode(
            x=x,
            y=alt.Y("value:Q", title="@axis", scale=alt.Scale(zero=True, nice=True), axis=alt.Axis(tickCount=4)),
            color=colour,
            tooltip=[alt.Tooltip("gpu:N"), alt.Tooltip("seconds:Q"), alt.Tooltip("text:N", title="value")],
        )
    )
    made: dict[str, Any] = alt.layer(band, name, line).properties(height=110, **width()).to_dict()
    return made


def rows(data: Data) -> Rows:
    """Points of the GPUs and the levels, both once for each panel that has a point."""
    seen = data["gpu_series"]
    found: list[dict[str, Any]] = []
    for metric, (column, factor) in PANELS.items():
        points = [
            {
                "metric": metric, "gpu": f"GPU {one['gpu_number']}", "seconds": one["seconds"],
                "value": factor * one[column], "text": format_value(one[column], METRICS[metric]),
                "level": None, "label": None, "until": None, "samples": one["samples"],
            }
            for one in seen
            if one[column] is not None
        ]  # fmt: skip
        if points:
            found += points
            found += _levels(metric, seen[0], data["compared_levels"])
    return found


def _levels(metric: str, first: Row, compared: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Where a level lay: nobody recorded when it began. Its measured window is known, and so is when all of them
    together began and ended; what is left, for warm-up and pauses, is shared evenly and comes before each window."""
    mine = sorted((one for one in compared if one["which"] == "best" and one["sent"]), key=lambda one: one["position"])
    if not mine:
        return
    rest = max(0.0, first["measure_seconds"] - sum(one["seconds"] for one in mine)) / len(mine)
    at, whole = first["measure_from"], max(first["measure_seconds"], 1e-9)
    for one in mine:
        at += rest
        load = load_text(one["load_kind"], one["load_value"])
        yield {
            "metric": metric, "gpu": None, "seconds": round(at, 2), "value": None, "text": None,
            "level": f"{one['scenario']}, {load}", "label": load if one["seconds"] / whole > _LABELLED else "",
            "until": round(at + one["seconds"], 2), "samples": 0,
        }  # fmt: skip
        at += one["seconds"]


def _drawn(rows: Rows, words: Words) -> Rows:
    return [row for row in rows if row["metric"] == words["metric"] and row["value"] is not None]


def caption(rows: Rows, words: Words) -> str:
    mine = _drawn(rows, words)
    low, high = (choose(mine, key=lambda row: row["value"])["text"] for choose in (min, max))
    looks = sum(row["samples"] for row in mine)
    gpus = len({row["gpu"] for row in mine})
    each = "the most of each" if words["metric"] == "gpu_memory" else "the mean of each"
    drawn = f", {each} of {count(len(mine), 'stretch')} is drawn" if looks > len(mine) else ""
    levels = sum(row["metric"] == words["metric"] and row["level"] is not None for row in rows)
    bands = f" Grey: its {count(levels, 'level')}, placed by how long each took." if levels else ""
    return f"{low} to {high}; {count(looks, 'look')} at {count(gpus, 'GPU')}{drawn}.{bands}"


def missing(rows: Rows, words: Words) -> str | None:
    return None if _drawn(rows, words) else "No sample of the best trial is in the store."


CHART: Chart = Chart(
    title="GPUs of the best trial",
    queries=("gpu_series", "compared_levels"),
    words=("metric", "axis"),
    height=110,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
