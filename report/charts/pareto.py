"""Throughput against time to first token: every level of every trial, and the frontier that none of them beats."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import GREY, entry_colour, entry_shape, width
from report.phrases import load_text, params_text
from runner.domain.metrics import METRICS, format_value
from runner.stats.pareto import pareto_front


def spec() -> dict[str, Any]:
    import altair as alt

    base = alt.Chart(alt.Data(name="rows")).transform_filter(alt.FieldEqualPredicate(field="setting", equal="@setting"))
    x = alt.X("ttft:Q", title="Time to first token, p50 (s), less is better", scale=alt.Scale(type="log", padding=14))
    y = alt.Y("throughput:Q", title="Output throughput (tok/s), more is better", scale=alt.Scale(zero=True))
    # `on_front` is computed with the metrics' declared directions, not here.
    front = (
        base.transform_filter("datum.on_front")
        .mark_line(interpolate="step-after", strokeWidth=2, color=GREY, opacity=0.8)
        .encode(x=x, y=y)
    )
    points = base.mark_point(filled=True).encode(
        x=x,
        y=y,
        color=entry_colour(),
        shape=entry_shape(),
        size=alt.condition("datum.on_front", alt.value(95), alt.value(38)),
        opacity=alt.condition("datum.on_front", alt.value(1), alt.value(0.45)),
        tooltip=[
            alt.Tooltip("campaign_name:N", title="campaign"),
            alt.Tooltip("number:Q", title="trial"),
            alt.Tooltip("entry:N"),
            alt.Tooltip("params:N", title="parameters"),
            alt.Tooltip("load:N"),
            alt.Tooltip("throughput_text:N", title="output throughput"),
            alt.Tooltip("ttft_text:N", title="time to first token, p50"),
        ],
    )
    made: dict[str, Any] = alt.layer(front, points).properties(height=300, **width()).to_dict()
    return made


def rows(data: Data) -> Rows:
    found = []
    for _, members in groupby(sorted(data["measured_levels"], key=_setting), key=_setting):
        levels = list(members)
        points = [(level["output_throughput"], level["ttft_p50"]) for level in levels]
        # Directions come from the table of metrics: ties and flipped axes are decided there and tested there.
        directions = [bool(METRICS[name].higher_is_better) for name in ("output_throughput", "ttft")]
        front = set(pareto_front(points, directions))
        found += [_point(level, place in front) for place, level in enumerate(levels)]
    return found


def _setting(level: Mapping[str, Any]) -> str:
    return str(level["setting"])


def _point(level: Mapping[str, Any], on_front: bool) -> dict[str, Any]:
    return {
        "setting": level["setting"],
        "campaign_name": level["campaign_name"],
        "number": level["number"],
        "entry": level["entry"],
        "params": params_text(level["params_json"]),
        "load": load_text(level["load_kind"], level["load_value"]),
        "throughput": level["output_throughput"],
        "throughput_text": format_value(level["output_throughput"], METRICS["output_throughput"]),
        "ttft": level["ttft_p50"],
        "ttft_text": format_value(level["ttft_p50"], METRICS["ttft"]),
        "on_front": on_front,
        "campaign_failed": level["campaign_failed"],
    }


def caption(rows: Rows, words: Words) -> str:
    mine = [row for row in rows if row["setting"] == words["setting"]]
    front = sum(bool(row["on_front"]) for row in mine)
    failed = sum({row["campaign_name"]: row["campaign_failed"] for row in mine}.values())
    trials = {(row["campaign_name"], row["number"]) for row in mine}
    return (
        f"{len(mine)} levels of {len(trials)} trials; {front} on the frontier (line). "
        f"{failed} failed trials have no point here."
    )


def missing(rows: Rows, words: Words) -> str | None:
    found = any(row["setting"] == words["setting"] for row in rows)
    return None if found else "No level was measured to its end."


CHART: Chart = Chart(
    title="Throughput against time to first token",
    queries=("measured_levels",),
    words=("setting", "entries"),
    height=300,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
