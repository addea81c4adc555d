"""Where configurations fail: share of failed trials over two parameters, as a grid with its counts."""

from __future__ import annotations

import json
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import drawing, width
from report.feasible import Region, regions
from report.phrases import count

FAILED = "#D55E00"


def spec() -> dict[str, Any]:
    import altair as alt

    base = drawing().transform_filter(alt.FieldEqualPredicate(field="setting", equal="@setting"))
    x = alt.X(
        "across:O",
        title="@across",
        sort=alt.EncodingSortField(field="x_place", op="min"),
        axis=alt.Axis(labelAngle=0, labelLimit=130),
    )
    y = alt.Y("bar:O", title="@down", sort=alt.EncodingSortField(field="y_place", op="min", order="descending"))
    # Opacity up to one half, not a scale of colours: the counts stay readable in both palettes.
    fill = base.mark_rect(color=FAILED, stroke=FAILED, strokeOpacity=0.35).encode(
        x=x,
        y=y,
        opacity=alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 100], range=[0.03, 0.5]), legend=None),
        tooltip=[
            alt.Tooltip("across:N", title="@across"),
            alt.Tooltip("bar:N", title="@down"),
            alt.Tooltip("text:N", title="failed"),
        ],
    )
    counts = base.mark_text(fontSize=12).encode(x=x, y=y, text="text:N")
    made: dict[str, Any] = alt.layer(fill, counts).properties(**width()).to_dict()
    made["height"] = "@bars"
    return made


def rows(data: Data) -> Rows:
    return [row for region in regions(data["trials"], data["campaigns"]) for row in _rows(region)]


def _rows(region: Region) -> list[dict[str, Any]]:
    return [
        {
            "setting": region.name,
            "across": cell.x,
            "bar": cell.y,
            "x_place": region.xs.index(cell.x),
            "y_place": region.ys.index(cell.y),
            "share": round(100 * cell.failed / cell.trials, 3),
            "trials": cell.trials,
            "failed": cell.failed,
            "text": f"{cell.failed} of {cell.trials}",
            "told": region.told,
            "others": ", ".join(region.others),
            "axes": json.dumps([region.name, region.across, region.down]),
        }
        for cell in region.cells
    ]


def caption(rows: Rows, words: Words) -> str:
    mine = _drawn(rows, words)
    failed, trials = sum(row["failed"] for row in mine), sum(row["trials"] for row in mine)
    free = sum(row["failed"] == 0 for row in mine)
    dead = sum(row["failed"] == row["trials"] for row in mine)
    text = f"{failed} of {count(trials, 'trial')} failed; in {count(free, 'cell')} none, in {count(dead, 'cell')} all. "
    text += "A number is failed of tried; where none stands nothing was tried."
    if not mine[0]["told"]:
        text += f" {words['down']} is not told apart from chance: it stands there as the next in order."
    if mine[0]["others"]:
        text += f" Also varied in every cell: {mine[0]['others']}."
    return text


def _drawn(rows: Rows, words: Words) -> Rows:
    return [row for row in rows if row["setting"] == words["setting"]]


def missing(rows: Rows, words: Words) -> str | None:
    return None if _drawn(rows, words) else "No parameter of it decides over failing."


CHART: Chart = Chart(
    title="Where it fails",
    queries=("campaigns", "trials"),
    words=("setting", "across", "down", "bars"),
    height=120,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
