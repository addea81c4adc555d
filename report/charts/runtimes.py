"""Entries of one setting against the load, one metric at a time: the best trial of each, and where one broke."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import drawing, entry_colour, entry_shape, width
from report.phrases import count
from report.runtimes import Setting, side_by_side
from report.standings import RANKED, Table, ranked
from runner.stats.ranking import Standing

MOST = 4
"""Tables of ranks that are drawn, the first ones of the page: three figures each."""


def spec() -> dict[str, Any]:
    import altair as alt

    base = drawing().transform_filter(alt.FieldEqualPredicate(field="setting", equal="@setting"))
    x = alt.X("load:O", title="Load", sort=alt.EncodingSortField(field="place", op="min"), axis=alt.Axis(labelAngle=0))
    y = alt.Y("value:Q", title="@axis", scale=alt.Scale(zero=True))
    tooltip = [
        alt.Tooltip("entry:N"),
        alt.Tooltip("load:N"),
        alt.Tooltip("text:N", title="median and range"),
        alt.Tooltip("rank:Q"),
    ]
    done = base.transform_filter(alt.FieldEqualPredicate(field="status", equal="measured"))
    line = done.mark_line(strokeWidth=1.5, opacity=0.7).encode(x=x, y=y, color=entry_colour())
    scatter = done.mark_rule(strokeWidth=2).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=entry_colour())
    points = done.mark_point(filled=True, size=75, opacity=1).encode(
        x=x, y=y, color=entry_colour(), shape=entry_shape(), tooltip=tooltip
    )
    # On the lower edge, never at a value: there is none.
    broken = (
        base.transform_filter(alt.FieldEqualPredicate(field="status", equal="failed"))
        .mark_text(text="✕", fontSize=14, fontWeight="bold")
        .encode(
            x=x,
            y=alt.value(alt.ExprRef("height - 8")),
            xOffset=alt.XOffset("entry:N"),
            color=entry_colour(),
            tooltip=[*tooltip[:2], alt.Tooltip("text:N", title="what happened")],
        )
    )
    made: dict[str, Any] = alt.layer(line, scatter, points, broken).properties(height=210, **width()).to_dict()
    return made


def rows(data: Data) -> Rows:
    found: list[dict[str, Any]] = []
    drawn = 0
    for setting in side_by_side(data["runtimes"]):
        for number, table in enumerate(ranked(setting, data["runtime_levels"])):
            found += _rows(setting, number, table)
            drawn += 1
            if drawn == MOST:
                return found
    return found


def _rows(setting: Setting, number: int, table: Table) -> list[dict[str, Any]]:
    made = []
    fell = {setting.label(row): row["trials"] for row in setting.shown if row["best_number"] is None}
    for metric in RANKED:
        key = f"{setting.key}.{number}.{metric}"
        for line in (line for line in table.lines if line.metric == metric):
            for place, cell in enumerate(line.cells):
                text = "not measured to its end"
                if cell:
                    text = line.text(cell.middle)
                    text += f" ({line.text(cell.low)} to {line.text(cell.high)})" if cell.attempts > 1 else ""
                made.append(_row(key, line.label, table.loads[place], place, text, cell))
        for label, trials in fell.items():
            text = f"none of {count(trials, 'trial')} succeeded"
            made += [_row(key, label, load, place, text, None) for place, load in enumerate(table.loads)]
    return made


def _row(key: str, entry: str, load: str, place: int, text: str, cell: Standing | None) -> dict[str, Any]:
    return {
        "setting": key,
        "entry": entry,
        "load": load,
        "place": place,
        "status": "measured" if cell else "failed",
        "value": cell.middle if cell else None,
        "low": cell.low if cell else None,
        "high": cell.high if cell else None,
        "rank": cell.rank if cell else None,
        "text": text,
    }


def caption(rows: Rows, words: Words) -> str:
    told = []
    for entry, of in groupby(_drawn(rows, words), key=lambda row: row["entry"]):
        mine = list(of)
        good = [row for row in mine if row["status"] == "measured"]
        ends = [good[0], good[-1]] if len(good) > 1 else good
        text = ", ".join(f"{row['text']} at {row['load']}" for row in ends)
        broke = [str(row["load"]) for row in mine if row["status"] != "measured"]
        if not good:
            text = str(mine[0]["text"])
        elif broke:
            text += f", not to the end at {', '.join(broke)} (✕)"
        told.append(f"{entry}: {text}")
    return f"Best trial of each. {'; '.join(told)}. Bars: range over the attempts."


def _drawn(rows: Rows, words: Words) -> Rows:
    return [row for row in rows if row["setting"] == words["setting"]]


def missing(rows: Rows, words: Words) -> str | None:
    found = any(row["status"] == "measured" for row in _drawn(rows, words))
    return None if found else "No entry measured a level to its end."


CHART: Chart = Chart(
    title="Entries against load",
    queries=("runtimes", "runtime_levels"),
    words=("setting", "axis", "entries"),
    height=210,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
