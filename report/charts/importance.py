"""What each searched parameter decides: the score, or apart from it whether a trial fails. Never a bar of noise."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import GREY, drawing, entry_colour, width
from report.importance import OBJECTIVE, Importance, importances, said
from report.phrases import percent


def spec() -> dict[str, Any]:
    import altair as alt

    base = drawing().transform_filter(alt.FieldEqualPredicate(field="outcome", equal="@outcome"))
    y = alt.Y("bar:N", title=None, sort=alt.EncodingSortField(field="place", op="min"), axis=alt.Axis(labelLimit=200))
    tooltip = [
        alt.Tooltip("entry:N"),
        alt.Tooltip("parameter:N"),
        alt.Tooltip("said:N", title="what is known"),
        alt.Tooltip("at:N", title="@at"),
        alt.Tooltip("trials:Q", title="trials that set it"),
    ]
    bars = (
        base.transform_filter("datum.length != null")
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X("length:Q", title="@axis", scale=alt.Scale(domain=[0, 100])),
            y=y,
            color=entry_colour(),
            tooltip=tooltip,
        )
    )
    # Words in the place of a bar: a short bar would be read as a small effect.
    words = (
        base.transform_filter("datum.length == null")
        .mark_text(align="left", dx=4, color=GREY, fontStyle="italic")
        .encode(x=alt.XDatum(0), y=y, text="note:N", tooltip=tooltip)
    )
    made: dict[str, Any] = alt.layer(bars, words).properties(**width()).to_dict()
    made["height"] = "@bars"
    return made


def rows(data: Data) -> Rows:
    goals = {row["campaign"]: row["goal"] for row in data["campaigns"]}
    found = []
    for name, trials in groupby(data["trials"], key=lambda row: str(row["campaign"])):
        mine = importances(list(trials), goals[name])
        several = len({one.entry for one in mine}) > 1
        found += [_row(one, place, several) for place, one in enumerate(mine)]
    return found


def _row(one: Importance, place: int, several: bool) -> dict[str, Any]:
    weight = one.weight
    length = one.share if one.outcome == OBJECTIVE else weight.explained if weight.matters else None
    return {
        "outcome": one.outcome,
        "entry": one.entry,
        "parameter": weight.parameter,
        "bar": f"{one.entry}: {weight.parameter}" if several else weight.parameter,
        "place": place,
        "matters": weight.matters,
        "asked": weight.lacks is None,
        "length": None if length is None else round(100 * length, 3),
        "length_text": percent(length),
        "note": said(one).partition(":")[0].partition(" (")[0],
        "said": said(one),
        "at": one.at or "",
        "trials": weight.trials,
    }


def caption(rows: Rows, words: Words) -> str:
    mine = [row for row in rows if row["outcome"] == words["outcome"]]
    named = ", ".join(f"{row['bar']} {row['said']}" for row in mine if row["matters"])
    chance = ", ".join(str(row["bar"]) for row in mine if row["asked"] and not row["matters"])
    few = ", ".join(f"{row['bar']} ({row['said']})" for row in mine if not row["asked"])
    text = f"{named}."
    if chance:
        text += f" Not told apart from chance: {chance}."
    return f"{text} Nothing is said of {few}." if few else text


def missing(rows: Rows, words: Words) -> str | None:
    mine = [row for row in rows if row["outcome"] == words["outcome"]]
    if any(row["matters"] for row in mine):
        return None
    if not mine:
        return "No trial has set a parameter to two values."
    asked = [row for row in mine if row["asked"]]
    if asked:
        trials = max(int(row["trials"]) for row in asked)
        return f"No parameter is told apart from chance in {trials} trials (5 % level, after Holm's correction)."
    return f"{_reasons(mine)}."


def _reasons(rows: Rows) -> str:
    """Why nothing could be asked: of each entry the parameter that was set most often."""
    most: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if row["entry"] not in most or row["trials"] > most[row["entry"]]["trials"]:
            most[row["entry"]] = row
    reasons = {entry: str(row["said"]) for entry, row in most.items()}
    if len(set(reasons.values())) == 1:
        reason = next(iter(reasons.values()))
        return reason[:1].upper() + reason[1:]
    return "; ".join(f"{entry}: {reason}" for entry, reason in reasons.items())


CHART: Chart = Chart(
    title="What decides",
    queries=("campaigns", "trials"),
    words=("outcome", "axis", "at", "bars", "entries"),
    height=140,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
