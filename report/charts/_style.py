"""Colours and shapes that mean the same thing in every chart. Okabe and Ito's palette, kept to the colours that have a
contrast of 3:1 on white (two are darkened for that); each has a variant for the dark page."""

from __future__ import annotations

from typing import Any

DARK = {
    "#0072B2": "#5BB5F0",
    "#D55E00": "#FF9A4D",
    "#009E73": "#3FD6A5",
    "#CC79A7": "#E79CC6",
    "#A66F00": "#E6B84D",
    "#7A5195": "#C3A0E0",
    "#6B7280": "#A9AFC2",
}
"""Light colour -> the one drawn on the dark page."""

GREY = "#6B7280"
ENTRY_COLOURS = ("#0072B2", "#009E73", "#CC79A7", "#A66F00", "#7A5195", "#D55E00")
ENTRY_SHAPES = ("circle", "square", "diamond", "cross", "triangle-up", "triangle-down")

PHASES = ("precheck", "lease", "pull", "start", "load", "ready", "warmup", "measure", "slo", "done")
PHASE_COLOURS = (
    GREY, GREY, GREY, "#D55E00", "#CC79A7", "#0072B2", "#009E73", "#7A5195", "#A66F00", GREY,
)  # fmt: skip
PHASE_SHAPES = (
    "cross", "cross", "cross", "triangle-up", "triangle-down", "triangle-right", "triangle-left",
    "cross", "diamond", "cross",
)  # fmt: skip


def drawing() -> Any:
    """A chart over the data set that every chart has: `rows`."""
    import altair as alt

    data: Any = alt.Data
    return alt.Chart(data(name="rows"))


WHOLE = "datum.value % 1 ? '' : format(datum.value, 'd')"
"""Label of an axis that counts: no half trials."""


def phase_colour() -> Any:
    """`@phases` lists those that occur: a legend of ten phases for two failures helps nobody."""
    import altair as alt

    scale = alt.Scale(domain=list(PHASES), range=list(PHASE_COLOURS))
    legend = alt.Legend(values=alt.ExprRef("@phases"))
    return alt.Fill("phase:N", scale=scale, sort=list(PHASES), title="Failed at", legend=legend)


def phase_shape() -> Any:
    import altair as alt

    scale = alt.Scale(domain=list(PHASES), range=list(PHASE_SHAPES))
    legend = alt.Legend(values=alt.ExprRef("@phases"))
    return alt.Shape("phase:N", scale=scale, sort=list(PHASES), title="Failed at", legend=legend)


def entry_colour() -> Any:
    """`@entries` lists the entries of the campaign in their order, so that each keeps its colour in every chart."""
    import altair as alt

    scale = alt.Scale(domain=alt.ExprRef("@entries"), range=list(ENTRY_COLOURS))
    return alt.Color("entry:N", scale=scale, title="Entry")


def entry_shape() -> Any:
    import altair as alt

    scale = alt.Scale(domain=alt.ExprRef("@entries"), range=list(ENTRY_SHAPES))
    return alt.Shape("entry:N", scale=scale, title="Entry")


def apart(*layers: Any) -> Any:
    """Succeeded and failed trials in one chart: each layer keeps its own colours, shapes and legend."""
    import altair as alt

    return alt.layer(*layers).resolve_scale(color="independent", shape="independent", fill="independent")


def width() -> dict[str, Any]:
    """A chart is as wide as its figure."""
    import altair as alt

    return {"width": "container", "autosize": alt.AutoSizeParams(type="fit-x", contains="padding")}
