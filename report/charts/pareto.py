"""Throughput against time to first token: every level of every trial, and of each entry the frontier that none of its
own beats."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import drawing, entry_colour, entry_shape, width
from report.phrases import count, load_text, params_text
from report.thinning import MOST, counted, drawn_text, thinned
from runner.domain.metrics import METRICS, format_value
from runner.stats.pareto import pareto_front


def spec() -> dict[str, Any]:
    import altair as alt

    base = drawing().transform_filter(alt.FieldEqualPredicate(field="setting", equal="@setting"))
    x = alt.X(
        "ttft:Q",
        title="Time to first token, p50 (s), less is better",
        scale=alt.Scale(type="log", nice=False, padding=24),
    )
    y = alt.Y("throughput:Q", title="Output throughput (tok/s), more is better", scale=alt.Scale(zero=True))
    # `on_front` is computed with the metrics' declared directions, not here.
    front = (
        base.transform_filter("datum.on_front")
        .mark_line(interpolate="step-after", strokeWidth=2, opacity=0.7)
        .encode(x=x, y=y, color=entry_colour(), detail="entry:N")
    )
    tooltip = [
        alt.Tooltip("campaign_name:N", title="campaign"),
        alt.Tooltip("number:Q", title="trial"),
        alt.Tooltip("entry:N"),
        alt.Tooltip("status:N", title="trial"),
        alt.Tooltip("params:N", title="parameters"),
        alt.Tooltip("load:N"),
        alt.Tooltip("throughput_text:N", title="output throughput"),
        alt.Tooltip("ttft_text:N", title="time to first token, p50"),
    ]
    place = {"x": x, "y": y, "color": entry_colour(), "shape": entry_shape(), "tooltip": tooltip}
    # A level of a trial that failed elsewhere is hollow: measured, but nobody can serve that way.
    hollow = base.transform_filter("datum.status != 'succeeded'").mark_point(filled=False, size=45, opacity=0.6)
    points = base.transform_filter("datum.status == 'succeeded'").mark_point(filled=True)
    layers = (
        front,
        hollow.encode(**place),
        points.encode(
            **place,
            size=alt.condition("datum.on_front", alt.value(95), alt.value(38)),
            opacity=alt.condition("datum.on_front", alt.value(1), alt.value(0.5)),
        ),
    )
    made: dict[str, Any] = alt.layer(*layers).properties(height=300, **width()).to_dict()
    return made


def rows(data: Data) -> Rows:
    found: list[Mapping[str, Any]] = []
    for _, members in groupby(sorted(data["measured_levels"], key=_line), key=_line):
        levels = list(members)
        # What failed elsewhere can not be served: its light levels must not push a healthy trial off the frontier.
        points = [
            (level["output_throughput"] if level["status"] == "succeeded" else None, level["ttft_p50"])
            for level in levels
        ]
        # Directions come from the table of metrics: ties and flipped axes are decided there and tested there.
        directions = [bool(METRICS[name].higher_is_better) for name in ("output_throughput", "ttft")]
        front = set(pareto_front(points, directions))
        made = [_point(level, place in front) for place, level in enumerate(levels)]
        found += _thinned(made, {place for place, level in enumerate(levels) if level.get("is_best")})
    return found


def _thinned(points: list[dict[str, Any]], best: set[int]) -> Rows:
    """Of one campaign's own thousands. Those of all campaigns come thinned by the query, which says so."""
    if len(points) <= MOST:
        return points
    for place, point in enumerate(points):
        point["is_best"] = place in best
    trials = {(point["campaign_name"], point["number"]) for point in points}
    drawn = thinned(points, lambda row: row["on_front"] or row["is_best"], lambda row: (row["entry"], row["status"]))
    return [{**row, "all_trials": len(trials)} for row in drawn]


def _line(level: Mapping[str, Any]) -> tuple[str, str]:
    return str(level["setting"]), str(level["entry"])


def _point(level: Mapping[str, Any], on_front: bool) -> dict[str, Any]:
    return {
        "setting": level["setting"],
        "campaign_name": level["campaign_name"],
        "number": level["number"],
        "entry": level["entry"],
        "status": level["status"],
        "params": params_text(level["params_json"]),
        "load": load_text(level["load_kind"], level["load_value"]),
        "throughput": level["output_throughput"],
        "throughput_text": format_value(level["output_throughput"], METRICS["output_throughput"]),
        "ttft": level["ttft_p50"],
        "ttft_text": format_value(level["ttft_p50"], METRICS["ttft"]),
        "on_front": on_front,
        "campaign_absent": level["campaign_absent"],
        **{name: level[name] for name in ("stands_for", "all_trials", "all_absent") if level.get("stands_for")},
    }


def caption(rows: Rows, words: Words) -> str:
    mine = [row for row in rows if row["setting"] == words["setting"]]
    front = sum(bool(row["on_front"]) for row in mine)
    hollow = counted([row for row in mine if row["status"] != "succeeded"])
    absent = sum({row["campaign_name"]: row["campaign_absent"] for row in mine}.values())
    trials = len({(row["campaign_name"], row["number"]) for row in mine})
    if mine:  # where not every level is drawn, the rows say how many there are
        absent, trials = mine[0].get("all_absent", absent), mine[0].get("all_trials", trials)
    text = f"{count(counted(mine), 'level')} of {count(trials, 'trial')}, {front} on the frontier of their entry (line)"
    if hollow:
        text += f", {hollow} of trials that failed at another level or missed an SLO (hollow)"
    if absent:
        text += f". Without any point: {count(absent, 'failed trial')} that measured no level to its end"
    return f"{text}.{drawn_text(mine, 'the frontier, the best and each kind of failure')}"


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
