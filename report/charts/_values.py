"""What the two charts of a parameter share: its values in their order, one number with its interval for each."""

from __future__ import annotations

from typing import Any

from report.charts import Data, Rows, Words
from report.charts._style import GREY, drawing, width
from report.parameters import BEHIND, FAILS, FEW, GOOD, SAME, parameters
from report.phrases import percent

COLOURS = {GOOD: "#009E73", FAILS: "#D55E00", BEHIND: "#A66F00", SAME: "#0072B2", FEW: GREY}
SHAPES = ("circle", "triangle-down", "square", "diamond", "cross")
MOST_TOLD = 8


def drawn_spec(title: str, *, whole: bool) -> dict[str, Any]:
    """`whole`: the axis goes to 100 %."""
    import altair as alt

    base = drawing().transform_filter(alt.FieldEqualPredicate(field="setting", equal="@setting"))
    x = alt.X(
        "value:O",
        title="@parameter",
        sort=alt.EncodingSortField(field="place", op="min"),
        axis=alt.Axis(labelAngle=0, labelLimit=110),
    )
    scale = alt.Scale(domain=[0, 100]) if whole else alt.Scale(zero=True)
    y = alt.Y("middle:Q", title=title, scale=scale)
    verdicts = list(COLOURS)
    legend = alt.Legend(values=alt.ExprRef("@verdicts"))
    colour = alt.Color(
        "verdict:N", scale=alt.Scale(domain=verdicts, range=list(COLOURS.values())), title=None, legend=legend
    )
    shape = alt.Shape("verdict:N", scale=alt.Scale(domain=verdicts, range=list(SHAPES)), title=None, legend=legend)
    interval = base.mark_rule(strokeWidth=2).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour)
    points = base.mark_point(filled=True, size=85, opacity=1).encode(
        x=x,
        y=y,
        color=colour,
        shape=shape,
        tooltip=[
            alt.Tooltip("value:N"),
            alt.Tooltip("verdict:N"),
            alt.Tooltip("failed_text:N", title="failed"),
            alt.Tooltip("gap_text:N", title="behind the best"),
            alt.Tooltip("campaigns:Q"),
        ],
    )
    # Where nothing lived there is no score: a mark on the edge, not a point at a made-up value.
    nothing = (
        base.transform_filter("datum.middle == null")
        .mark_text(text="✕", fontSize=14, fontWeight="bold")
        .encode(x=x, y=alt.value(alt.ExprRef("height - 8")), color=colour, tooltip=alt.Tooltip("failed_text:N"))
    )
    made: dict[str, Any] = alt.layer(interval, points, nothing).properties(height=170, **width()).to_dict()
    return made


def value_rows(data: Data, *, failing: bool) -> Rows:
    """One for each value of each parameter: the share that failed, or the gap to the best score, in percent."""
    found = []
    for known in parameters(data["parameters"]):
        for value in known.values:
            row = value.row
            middle, name = (row["failed"] / row["trials"], "fail") if failing else (row["gap"], "gap")
            found.append(
                {
                    "setting": known.name,
                    "value": value.what,
                    "place": row["place"],
                    "verdict": value.verdict,
                    "middle": _percent(middle),
                    "low": _percent(row[f"{name}_low"]),
                    "high": _percent(row[f"{name}_high"]),
                    "failed_text": f"{row['failed']} of {row['trials']}, {percent(row['fail_low'])} to "
                    f"{percent(row['fail_high'])}",
                    "gap_text": _gap(row),
                    "campaigns": row["campaigns"],
                }
            )
    return found


def told(rows: Rows, words: Words, column: str) -> str:
    """The numbers of a figure in words, of the first values where they are many."""
    texts = [f"{row['value']}: {row[column]}" for row in mine(rows, words)]
    more = f"; and {len(texts) - MOST_TOLD} more" if len(texts) > MOST_TOLD else ""
    return "; ".join(texts[:MOST_TOLD]) + more


def mine(rows: Rows, words: Words) -> Rows:
    return [row for row in rows if row["setting"] == words["setting"]]


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 4)


def _gap(row: Any) -> str:
    if row["gap"] is None:
        return "no trial succeeded"
    return f"{percent(row['gap'])}, {percent(row['gap_low'])} to {percent(row['gap_high'])}, {row['scored']} trials"
