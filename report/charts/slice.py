"""One searched parameter against the score, every other parameter free."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import apart, drawing, entry_colour, entry_shape, phase_colour, phase_shape, width
from report.phrases import count, score_text, value_text
from report.thinning import counted, drawn_text, thinned

MOST = 400
"""Marks of one figure, about: there is one for each parameter."""


def spec() -> dict[str, Any]:
    import altair as alt

    base = drawing().transform_filter(alt.FieldEqualPredicate(field="parameter", equal="@parameter"))
    # The values come in order; a number with few values reads better as steps than on a stretched axis.
    x = alt.X(
        "value:O",
        title="@parameter",
        sort=alt.EncodingSortField(field="position", op="min"),
        axis=alt.Axis(labelAngle=0, labelLimit=90),
    )
    tooltip = [
        alt.Tooltip("number:Q", title="trial"),
        alt.Tooltip("entry:N"),
        alt.Tooltip("value:N"),
        alt.Tooltip("score_text:N", title="score"),
    ]
    done = (
        base.transform_filter(alt.FieldEqualPredicate(field="status", equal="succeeded"))
        .mark_point(filled=True, size=60, opacity=0.85)
        .encode(
            x=x,
            y=alt.Y("score:Q", title="@score", scale=alt.Scale(zero=False, padding=16)),
            color=entry_colour().legend(None),
            shape=entry_shape().legend(None),
            tooltip=tooltip,
        )
    )
    failed = (
        base.transform_filter(alt.FieldEqualPredicate(field="status", equal="failed"))
        .mark_point(filled=True, size=70, opacity=0.85, stroke=None)
        .encode(
            x=x,
            y=alt.value(alt.ExprRef("height - 7")),
            fill=phase_colour().legend(None),
            shape=phase_shape().legend(None),
            tooltip=[
                *tooltip[:3],
                alt.Tooltip("phase:N", title="failed at"),
                alt.Tooltip("cause:N"),
            ],
        )
    )
    layers = apart(done, failed)
    made: dict[str, Any] = layers.properties(height=170, **width()).to_dict()
    return made


def rows(data: Data) -> Rows:
    trials = [(trial, json.loads(trial["params_json"])) for trial in data["trials"] if trial["status"] != "unmeasured"]
    values: dict[str, list[Any]] = {}
    for _, params in trials:
        for name, value in params.items():
            values.setdefault(name, []).append(value)
    # A parameter that never varied has nothing to show.
    places = {name: found for name in sorted(values) if len(found := _places(values[name])) > 1}
    texts = {trial["number"]: score_text(trial["score"], trial["objective"]) for trial, _ in trials}
    drawn: list[Mapping[str, Any]] = []
    for name in places:
        made = [_point(name, trial, params[name], places[name], texts) for trial, params in trials if name in params]
        # Every value keeps its place on the axis, with each way in which it failed.
        drawn += thinned(made, lambda row: False, lambda row: (row["value"], row["status"], row["cause"]), MOST)
    return drawn


def _point(
    name: str, trial: Mapping[str, Any], value: Any, places: Mapping[str, int], texts: Mapping[int, str]
) -> dict[str, Any]:
    text = value_text(value)
    return {
        "parameter": name,
        "value": text,
        "position": places[text],
        "number": trial["number"],
        "entry": trial["entry"],
        "status": trial["status"],
        "score": trial["score"],
        "score_text": texts[trial["number"]],
        "phase": trial["phase"],
        "cause": trial["cause"],
    }


def _places(values: Iterable[Any]) -> dict[str, int]:
    """Value as text -> its place on the axis: numbers by size, words by the alphabet."""
    ordered = sorted(set(values), key=lambda v: (isinstance(v, str), v if not isinstance(v, str) else 0, str(v)))
    return {value_text(value): place for place, value in enumerate(ordered)}


def caption(rows: Rows, words: Words) -> str:
    mine = [row for row in rows if row["parameter"] == words["parameter"]]
    failed = counted([row for row in mine if row["status"] == "failed"])
    values = len({row["value"] for row in mine})
    text = f"{count(values, 'value')} in {count(counted(mine), 'trial')}, {failed} failed."
    return text + drawn_text(mine, "each value and each way in which it failed")


def missing(rows: Rows, words: Words) -> str | None:
    return None if any(row["parameter"] == words["parameter"] for row in rows) else "No trial set this parameter."


CHART: Chart = Chart(
    title="Score by parameter",
    queries=("trials",),
    words=("parameter", "score", "entries"),
    height=170,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
