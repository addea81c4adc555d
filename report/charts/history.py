"""The search, trial by trial: what each one scored, the best so far, and where the failed ones died."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import (
    GREY,
    WHOLE,
    apart,
    drawing,
    entry_colour,
    entry_shape,
    phase_colour,
    phase_shape,
    width,
)
from report.phrases import count, params_text, score_text
from report.thinning import counted, drawn_text, thinned, weight


def spec() -> dict[str, Any]:
    import altair as alt

    base = drawing()
    x = alt.X(
        "number:Q",
        title="Trial",
        axis=alt.Axis(labelExpr=WHOLE, tickMinStep=1),
        scale=alt.Scale(nice=False, padding=14),
    )
    y = alt.Y("score:Q", title="@score", scale=alt.Scale(zero=False, padding=22))
    # A filter by status, not by score: a failed trial has no score and must never be drawn at its penalty.
    done = base.transform_filter(alt.FieldEqualPredicate(field="status", equal="succeeded"))
    best = (
        base.transform_filter("datum.best_so_far != null")
        .mark_line(interpolate="step-after", strokeWidth=2, color=GREY, opacity=0.8)
        .encode(x=x, y=alt.Y("best_so_far:Q"))
    )
    dots = done.mark_point(filled=True, size=75, opacity=1).encode(
        x=x,
        y=y,
        color=entry_colour(),
        shape=entry_shape(),
        tooltip=[
            alt.Tooltip("number:Q", title="trial"),
            alt.Tooltip("entry:N"),
            alt.Tooltip("params:N", title="parameters"),
            alt.Tooltip("measured_text:N", title="measured"),
            alt.Tooltip("score_text:N", title="score"),
        ],
    )
    failed = (
        base.transform_filter(alt.FieldEqualPredicate(field="status", equal="failed"))
        .mark_point(filled=True, size=95, opacity=1, stroke=None)
        .encode(
            x=x,
            y=alt.value(alt.ExprRef("height - 9")),
            fill=phase_colour(),
            shape=phase_shape(),
            tooltip=[
                alt.Tooltip("number:Q", title="trial"),
                alt.Tooltip("entry:N"),
                alt.Tooltip("params:N", title="parameters"),
                alt.Tooltip("phase:N", title="failed at"),
                alt.Tooltip("cause:N"),
                alt.Tooltip("penalty_text:N", title="penalty"),
            ],
        )
    )
    layers = apart(best, dots, failed)
    made: dict[str, Any] = layers.properties(height=260, **width()).to_dict()
    return made


def rows(data: Data) -> Rows:
    """Every turn of the line stays, and so do the trials that a page names."""
    trials = data["trials"]
    turns = {
        after["number"]
        for before, after in pairwise(trials)
        if before["best_so_far"] != after["best_so_far"] or after["is_best"] or after["is_default"]
    } | {trial["number"] for trial in trials[:1]}
    made = [_row(trial) for trial in trials]
    return thinned(made, lambda row: row["number"] in turns, lambda row: (row["status"], row["phase"], row["cause"]))


def _row(trial: Mapping[str, Any]) -> dict[str, Any]:
    objective = trial["objective"]
    return {
        "number": trial["number"],
        "entry": trial["entry"],
        "params": params_text(trial["params_json"]),
        "status": trial["status"],
        "score": trial["score"],
        "score_text": score_text(trial["score"], objective),
        "measured_text": score_text(trial["objective_value"], objective),
        "best_so_far": trial["best_so_far"],
        "phase": trial["phase"],
        "cause": trial["cause"],
        "penalty_text": score_text(trial["penalty"], objective),
    }


def caption(rows: Rows, words: Words) -> str:
    failed: Counter[str] = Counter()
    for row in rows:
        if row["status"] == "failed":
            failed[str(row["phase"])] += weight(row)
    succeeded = counted([row for row in rows if row["status"] == "succeeded"])
    where = ": " + ", ".join(f"{n} at {phase}" for phase, n in failed.most_common()) if failed else ""
    others = counted(rows) - succeeded - failed.total()
    told = f"{count(counted(rows), 'trial')}, {succeeded} succeeded, {failed.total()} failed{where}"
    told += f"; {others} unmeasured." if others else "."
    told += drawn_text(rows, "every turn of the line, the best, the defaults and each kind of failure")
    return f"{told} The line is the best so far; failed trials stand on the lower edge, where no value is read."


def missing(rows: Rows, words: Words) -> str | None:
    return None if rows else "No trial has ended yet."


CHART: Chart = Chart(
    title="Score of each trial",
    queries=("trials",),
    words=("score", "entries", "phases"),
    height=260,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
