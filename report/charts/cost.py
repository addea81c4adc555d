"""What a million output tokens take against how fast one user gets them: a line for the best trial of each entry."""

from __future__ import annotations

from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import drawing, entry_colour, entry_shape, width
from report.cost import machine_time, per_million, price
from report.phrases import count, load_text, params_text
from runner.domain.metrics import METRICS, format_value, significant


def spec() -> dict[str, Any]:
    import altair as alt

    base = drawing().transform_filter(alt.FieldEqualPredicate(field="setting", equal="@setting"))
    x = alt.X(
        "speed:Q", title="Interactivity (tok/s per user), more is better", scale=alt.Scale(zero=False, padding=16)
    )
    y = alt.Y("hours:Q", title="@axis", scale=alt.Scale(type="log", nice=False, padding=16))
    tooltip = [
        alt.Tooltip("campaign_name:N", title="campaign"),
        alt.Tooltip("number:Q", title="trial"),
        alt.Tooltip("entry:N"),
        alt.Tooltip("params:N", title="parameters"),
        alt.Tooltip("load:N"),
        alt.Tooltip("speed_text:N", title="interactivity"),
        alt.Tooltip("hours_text:N", title="1 M output tokens"),
        alt.Tooltip("price_text:N", title="price"),
        alt.Tooltip("energy_text:N", title="energy"),
    ]
    line = base.mark_line(strokeWidth=1.5, opacity=0.6).encode(
        x=x, y=y, color=entry_colour(), detail="line:N", order=alt.Order("load_value:Q")
    )
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=x, y=y, color=entry_colour(), shape=entry_shape(), tooltip=tooltip
    )
    made: dict[str, Any] = alt.layer(line, points).properties(height=280, **width()).to_dict()
    return made


def rows(data: Data) -> Rows:
    """A level without a time per output token has no interactivity: the table has it."""
    return [
        {
            "setting": level["setting"],
            "campaign_name": level["campaign_name"],
            "number": level["number"],
            "entry": level["entry"],
            "line": f"{level['campaign_name']} {level['number']}",
            "params": params_text(level["params_json"]),
            "load_value": level["load_value"],
            "load": load_text(level["load_kind"], level["load_value"]),
            "speed": 1 / level["tpot_p50"],
            "speed_text": format_value(1 / level["tpot_p50"], METRICS["interactivity"]),
            "hours": level["hours"],
            "hours_text": machine_time(level["hours"], level["gpus"]),
            "price_text": price(level["price"], level["currency"]),
            "energy_text": per_million(
                level["energy_per_token"] if level["energy_per_token"] is not None else level["cpu_energy_per_token"]
            ),
        }
        for level in data["costs"]
        if level["tpot_p50"]
    ]


def caption(rows: Rows, words: Words) -> str:
    mine = _drawn(rows, words)
    cheapest = min(mine, key=lambda row: (row["hours"], row["campaign_name"], row["number"]))
    fastest = max(mine, key=lambda row: (row["speed"], row["campaign_name"], -row["number"]))
    return (
        f"{count(len(mine), 'level')} of {count(len({row['line'] for row in mine}), 'trial')}, the best of each entry. "
        f"Least: {cheapest['hours_text']}, {cheapest['entry']} at {cheapest['load']}, "
        f"{significant(cheapest['speed'], 3)} tok/s per user. "
        f"Fastest: {significant(fastest['speed'], 3)} tok/s per user, {fastest['entry']} at {fastest['load']}, "
        f"{fastest['hours_text']}."
    )


def _drawn(rows: Rows, words: Words) -> Rows:
    return [row for row in rows if row["setting"] == words["setting"]]


def missing(rows: Rows, words: Words) -> str | None:
    return None if _drawn(rows, words) else "No trial that succeeded measured a level with a time per output token."


CHART: Chart = Chart(
    title="What a million output tokens take",
    queries=("costs",),
    words=("setting", "entries", "axis"),
    height=280,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
