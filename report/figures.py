"""What a page draws and tabulates: figures with their data file, bulky tables with their placeholder, links."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape as html
from typing import Any

from markupsafe import Markup

from report import escape, phrases
from report.charts import Rows
from report.charts import chart as chart_of
from runner.domain.failure import Phase

Data = Mapping[str, Sequence[Mapping[str, Any]]]


BAR = 26
"""Pixels of a bar with its gap, where a chart is as high as it has bars."""

_PICKS = ("parameter", "metric", "scenario", "setting", "outcome")
"""Words that pick rows of a data set: one figure for each value."""
_BARS = ("bar", "cause", "campaign")
"""Columns that have one bar for each of their values; a chart has one of them."""


class Figures:
    """Helpers of one page. `key` names its data file, `place` is the page that its links start from."""

    def __init__(
        self, key: str, place: str, names: Sequence[str], data: Data, campaign: Mapping[str, Any] | None
    ) -> None:
        self.key = key.removesuffix("/index").lstrip("_")
        self.place = place
        self.campaign = campaign
        self.tables: dict[str, str] = {}
        self.rows: dict[str, Rows] = {name: chart_of(name).rows(data) for name in names}
        self._made = 0

    def figure(self, name: str, title: str | None = None, **words: Any) -> Markup:
        """The figure of chart `name`, or one sentence that says why there is none."""
        chart = chart_of(name)
        rows = self.rows[name]
        words = {**self._usual_words(chart.words, rows, words), **words}
        unknown = set(chart.words) - set(words)
        if unknown:
            raise KeyError(f"chart {name!r} on {self.place} lacks the words {sorted(unknown)}")
        reason = chart.missing(rows, words)
        heading = title or chart.title
        if reason is not None:
            return Markup('<p class="tb-muted">{}: {}</p>').format(escape.inline(heading), escape.inline(reason))
        self._made += 1
        caption = chart.caption(rows, words)
        numbers = self.url(f"results/data/{self.key}.json")
        spoken = {word: _spoken(words[word]) for word in chart.words}  # as the rows are, which they must match
        return Markup(
            f'<figure class="chart" id="chart-{name}-{self._made}" data-spec="{name}" '
            f'data-src="{self.url(f"results/data/{self.key}.js")}" data-h="{chart.height}" '
            f'data-words="{_attribute(json.dumps(spoken, ensure_ascii=True, sort_keys=True, separators=(",", ":")))}" '
            f'aria-label="{_attribute(" ".join(heading.split()))}">'
            f'<div class="tb-figure-title">{escape.inline(heading)}</div>'
            f'<div class="vega" style="min-height:{chart.height + 60}px"></div>'
            '<noscript><p class="tb-instead">The chart that stands here needs JavaScript. '
            "Its numbers are below.</p></noscript>"
            f'<figcaption>{escape.inline(caption)} <a href="{numbers}">Numbers (JSON)</a></figcaption></figure>'
        )

    def chart_values(self, name: str, word: str) -> list[str]:
        """The values of column `word` in the data of chart `name`, in their order: one figure for each."""
        return list(dict.fromkeys(str(row[word]) for row in self.rows[name]))

    def bulk(self, name: str, caller: Callable[[], str]) -> Markup:
        """A table that does not pass through Markdown: the post-pass puts it in."""
        full = re.sub(r"[^\w./-]", "-", f"{self.key}/{name}")
        # A class keeps the theme from wrapping and sizing it its own way. A space in a line stands between two words.
        table = re.sub(r">\s*\n\s*<", "><", str(caller()).strip()).replace("<table>", '<table class="tb-table">')
        self.tables[full] = table
        return Markup(f"<!--table:{full}-->")

    def url(self, target: str) -> Markup:
        """A relative link from this page to `target`, a path in the site. Ends in a file: folders do not open from
        file://."""
        path, _, anchor = target.partition("#")
        relative = _relative(path, self.place)
        return Markup(html(f"{relative}#{anchor}" if anchor else relative, quote=True))

    def campaign_url(self, campaign: str, anchor: str = "") -> Markup:
        path = f"results/campaigns/{escape.slug(campaign)}/index.html"
        return self.url(f"{path}#{anchor}" if anchor else path)

    def _usual_words(self, asked: Sequence[str], rows: Rows, words: Mapping[str, Any]) -> dict[str, Any]:
        """Of what most charts ask for, what is `asked`: entries, phases and roles (best, default) that occur, the axis
        of the scores."""
        picked = [(word, value) for word, value in words.items() if word in _PICKS]
        mine = rows
        for word, value in picked:
            mine = [row for row in mine if row.get(word, value) == value]
        usual: dict[str, Any] = {}
        if "entries" in asked:
            # Of the whole setting, not of the figure alone: an entry keeps its colour from figure to figure.
            setting = words.get("setting")
            same = rows if setting is None else [row for row in rows if row.get("setting") == setting]
            usual["entries"] = _different(same, "entry")
        if "phases" in asked:
            failed = {row.get("phase") for row in mine if row.get("status", "failed") == "failed"}
            usual["phases"] = [phase.value for phase in Phase if phase in failed]
        if "bars" in asked:
            bar = next((key for key in _BARS if any(row.get(key) is not None for row in mine)), "")
            usual["bars"] = BAR * len(_different(mine, bar))
        if "which" in asked:
            usual["which"] = _different(mine, "which")
        if "score" in asked and self.campaign:
            usual["score"] = phrases.axis_text(self.campaign["objective"], self.campaign["goal"])
        return usual


def _relative(path: str, place: str) -> str:
    """From the folder of `place` to `path`. `posixpath.relpath` asks the system for the current folder each time."""
    steps, start = path.split("/"), place.split("/")[:-1]
    same = len(posixpath.commonprefix([steps, start]))
    return "/".join([*[".."] * (len(start) - same), *steps[same:]])


def _different(rows: Rows, column: str) -> list[str]:
    return sorted({str(value) for row in rows if (value := row.get(column)) is not None})


def _spoken(word: Any) -> Any:
    if isinstance(word, list):
        return [_spoken(one) for one in word]
    return escape.in_chart(word) if isinstance(word, str) else word


_SPELLED = {ord(c): f"&#{ord(c)};" for c in "[]_*`\\{}"}


def _attribute(text: str) -> Markup:
    """For a double-quoted attribute that Markdown must not touch either."""
    return Markup(html(text, quote=True).translate(_SPELLED))
