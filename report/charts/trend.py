"""A configuration from run to run: the mean of each session with its range, levels between steps, failed sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import GREY, drawing, width
from report.phrases import count, gain_text, score_text, when
from report.trends import Trend, answered, trends
from runner.stats.steps import middle


def spec() -> dict[str, Any]:
    import altair as alt

    base = drawing().transform_filter(alt.FieldEqualPredicate(field="setting", equal="@setting"))
    x = alt.X("moment:T", title="Run (UTC)", scale=alt.Scale(type="utc", padding=14))
    y = alt.Y("value:Q", title="@axis", scale=alt.Scale(zero=False, padding=10))
    tooltip = [
        alt.Tooltip("when:N", title="run"),
        alt.Tooltip("text:N", title="measured"),
        alt.Tooltip("range:N"),
        alt.Tooltip("engine:N"),
    ]
    alive = base.transform_filter("datum.status === 'succeeded'")
    level = alive.mark_line(strokeWidth=2, color=GREY, opacity=0.8).encode(x=x, y="level:Q", detail="part:N")
    spread = alive.mark_rule(strokeWidth=1.5, color="#0072B2", opacity=0.6).encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
    points = alive.mark_point(filled=True, size=70, color="#0072B2", opacity=1).encode(x=x, y=y, tooltip=tooltip)
    news = base.transform_filter("datum.news").mark_rule(strokeDash=[4, 4], color="#D55E00").encode(x=x)
    said = (
        base.transform_filter("datum.news")
        .mark_text(align="left", dx=4, dy=8, baseline="top", color="#D55E00")
        .encode(x=x, y=alt.value(0), text="news:N")
    )
    # Few fail, so each says where beside its mark, and no legend is needed.
    dead = base.transform_filter("datum.status === 'failed'").encode(x=x, y=alt.value(alt.ExprRef("height - 8")))
    crosses = dead.mark_point(filled=True, size=80, opacity=1, shape="triangle-up", color="#D55E00").encode(
        tooltip=[alt.Tooltip("when:N", title="run"), alt.Tooltip("phase:N"), alt.Tooltip("cause:N")]
    )
    where = dead.mark_text(align="left", dx=8, color="#D55E00").encode(text="failed_at:N")
    made: dict[str, Any] = (
        alt.layer(level, spread, points, news, said, crosses, where).properties(height=200, **width()).to_dict()
    )
    return made


def rows(data: Data) -> Rows:
    return [row for trend in trends(data["trend_sessions"]) for row in _drawn(trend)]


def _drawn(trend: Trend) -> list[dict[str, Any]]:
    news = {change.row["run_id"]: change for change in trend.changes}
    part = 0
    drawn = []
    for session in trend.sessions:
        change = news.get(session["run_id"])
        part += change is not None
        drawn.append(_point(trend, session, part) | {"news": gain_text(change.step.log_ratio) if change else None})
    for number in range(part + 1):
        mine = [one for one in drawn if one["part"] == number and one["value"] is not None]
        for one in mine:
            one["level"] = middle([other["value"] for other in mine])
    return drawn


def _point(trend: Trend, session: Mapping[str, Any], part: int) -> dict[str, Any]:
    objective, samples = session["objective"], session["samples"]
    value = middle(samples) if samples else None
    ends = (min(samples), max(samples)) if samples else (None, None)
    return {
        "setting": trend.title,
        "moment": f"{session['moment'].isoformat(timespec='seconds')}Z",
        "when": when(session["moment"]),
        "status": "succeeded" if samples else "failed",
        "phase": None if samples else session["phase"],
        "cause": None if samples else session["cause"],
        "failed_at": None if samples else f"failed at {session['phase']}" if session["phase"] else "nothing above zero",
        "value": value,
        "low": ends[0],
        "high": ends[1],
        "level": None,
        "part": part,
        "text": score_text(value, objective),
        "range": f"{score_text(ends[0], objective)} to {score_text(ends[1], objective)}, "
        f"{count(len(samples), 'deployment')}",
        "engine": answered(session),
    }


def caption(rows: Rows, words: Words) -> str:
    mine = [row for row in rows if row["setting"] == words["setting"]]
    alive = [row for row in mine if row["status"] == "succeeded"]
    news = [f"{row['news']} on {row['when']}" for row in mine if row["news"]]
    told = f"{count(len(mine), 'run')}, {len(mine) - len(alive)} without a result. "
    if alive:
        told += f"First {alive[0]['text']}, last {alive[-1]['text']}. "
    return told + (f"Steps: {'; '.join(news)}." if news else "No step told apart from chance.")


def missing(rows: Rows, words: Words) -> str | None:
    found = any(row["setting"] == words["setting"] for row in rows)
    return None if found else "No configuration was measured in two runs."


CHART: Chart = Chart(
    title="From run to run",
    queries=("trend_sessions",),
    words=("setting", "axis"),
    height=200,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
