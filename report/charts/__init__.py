"""Charts. A chart is one file here: `CHART: Chart`; file name = its name in a page's front matter.

A spec is written once for all campaigns: it draws the data set `rows`, it carries no theme, and what differs from
figure to figure stands in it as `@word`, which the figure fills in (`report/assets/charts.js`): text, number or list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from runner.util.plugins import Folder

Rows: TypeAlias = Sequence[Mapping[str, Any]]
Data: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""Query name -> its rows, as they may be published, for one campaign or for all."""
Words: TypeAlias = Mapping[str, Any]
"""Word -> the text, number or list that stands for it in one figure."""


@dataclass(frozen=True, slots=True)
class Chart:
    """`rows(data)` makes the data set from the `queries` it names: flat, small, every number with a text that has its
    unit. `caption(rows, words)` is the sentence under the figure: it carries the numbers, so that it stands for the
    chart where the chart can not be seen. `missing(rows, words)` says why there is nothing to draw, else None.
    `words` are the names the spec expects after an `@`; `height` is what the page reserves, in pixels."""

    title: str
    queries: tuple[str, ...]
    words: tuple[str, ...]
    height: int
    rows: Callable[[Data], Rows]
    spec: Callable[[], dict[str, Any]]
    caption: Callable[[Rows, Words], str]
    missing: Callable[[Rows, Words], str | None]


charts: Folder[Chart] = Folder("report.charts", "CHART", "chart")


@cache
def chart(name: str) -> Chart:
    """The chart called `name`. `charts.get` looks into the folder each time, and a thousand pages have ten charts."""
    return charts.get(name)


def specs(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The Vega-Lite of each chart, without a theme: light and dark are the browser's."""
    import altair as alt

    with alt.theme.enable("none"):
        return {name: _words(charts.get(name).spec()) for name in names}


def _words(value: Any) -> Any:
    """Altair lets a list stand only as itself or as an expression: `{"expr": "@word"}` is how a word gets past it."""
    if isinstance(value, dict):
        if set(value) == {"expr"} and str(value["expr"]).startswith("@"):
            return value["expr"]
        return {key: _words(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_words(one) for one in value]
    return value
