"""Pages from templates. A page is one file `report/pages/NAME.md.j2`: YAML front matter, then Markdown with Jinja2.

Front matter: `title` and `path` (of the Markdown file below `site/results/`; both may say {slug} and {campaign}),
`needs` (queries), `charts`, `data` (queries whose rows go into the page's data file as they are), `order` (of writing),
`for_each: campaigns` (one page per campaign), `paged: QUERY` (one page per hundred rows of it),
`instead: {QUERY: OTHER}` (what a chart takes for QUERY here), `hide` (parts of the theme), `shown_on` (the page that
includes this one, when it is no page itself), `search: false`.

A need that no query gives, a chart that no file gives and a name that nothing defines are errors of the build.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from report import escape
from report.charts import Rows
from report.charts import chart as chart_of
from report.figures import Data, Figures
from report.filters import FILTERS, GLOBALS

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2 import Template as Body


@dataclass(frozen=True, slots=True)
class Template:
    """A page before it has data."""

    name: str
    body: str
    title: str
    path: str
    order: int = 100
    needs: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    for_each: str | None = None
    paged: str | None = None
    instead: Mapping[str, str] = field(default_factory=dict)
    shown_on: str | None = None
    hide: tuple[str, ...] = ()
    search: bool = True

    def queries(self) -> set[str]:
        """Every query that the page reads, itself or by its charts."""
        drawn = {self.instead.get(name, name) for chart in self.charts for name in chart_of(chart).queries}
        paged = {self.paged} if self.paged else set()
        return drawn | paged | set(self.needs) | set(self.data)


@dataclass(frozen=True, slots=True)
class Page:
    """A page as Markdown. `path` is relative to `site/results/`; `tables` are what the post-pass puts in for its
    placeholders; `rows` (chart or query -> data set) go into the data file called `key`. `title` is that of the
    window."""

    path: str
    markdown: str
    tables: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    rows: Mapping[str, Rows] = field(default_factory=dict)
    title: str = ""


def templates() -> list[Template]:
    """Every page template, in order."""
    found = [p for p in files("report.pages").iterdir() if p.name.endswith(".md.j2")]
    pages = [_parse(p.name.removesuffix(".md.j2"), p.read_text(encoding="utf-8")) for p in found]
    return sorted(pages, key=lambda page: (page.order, page.name))


def _parse(name: str, text: str) -> Template:
    _, head, body = text.split("---\n", 2)
    front: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in yaml.safe_load(head).items()}
    return Template(name=name, body=body.lstrip("\n"), **{"path": f"{name}.md", **front})


def render(data: Data, facts: Mapping[str, Any]) -> list[Page]:
    """Every page of the site, with the rows that it says it needs. `facts` are about the build itself."""
    pages = Pages()
    mine = by_campaign(data)
    campaigns = [pages.of_campaign(mine[row["campaign"]], facts) for row in data["campaigns"]]
    return [*pages.of_site(data, facts), *(page for found in campaigns for page in found)]


class Pages:
    """The templates, compiled once in a process."""

    def __init__(self) -> None:
        self._all = _compiled()

    def of_site(self, data: Data, facts: Mapping[str, Any]) -> list[Page]:
        """The pages that there is one of, or as many as it has hundreds of rows."""
        made = []
        for template, body in self._all:
            if template.for_each is None:
                made += [_page(body, template, part, facts, None, paging) for part, paging in _parts(template, data)]
        return made

    def of_campaign(self, data: Data, facts: Mapping[str, Any]) -> list[Page]:
        """The pages of one campaign. `data` holds its own rows, and one of the query `campaigns`."""
        (row,) = data["campaigns"]
        return [_page(body, template, data, facts, row) for template, body in self._all if template.for_each]


ROWS = 100
"""Of the table of a page, at most."""


@dataclass(frozen=True, slots=True)
class Paging:
    """Which of its pages this one is, from 1; `rows` of all of them; `files` are their names, in their folder."""

    number: int
    rows: int
    files: tuple[str, ...]

    @property
    def first(self) -> int:
        return ROWS * (self.number - 1) + 1

    @property
    def last(self) -> int:
        return min(self.rows, ROWS * self.number)


def _parts(template: Template, data: Data) -> list[tuple[Data, Paging | None]]:
    """The data of each page of a template: one, but for one that is `paged`. The first keeps the path."""
    if template.paged is None:
        return [(data, None)]
    rows = data[template.paged]
    stem = template.path.rpartition("/")[2].removesuffix(".md")
    count = max(1, -(-len(rows) // ROWS))
    names = tuple(f"{stem}.html" if n == 1 else f"page-{n}.html" for n in range(1, count + 1))
    return [
        ({**data, template.paged: rows[ROWS * n : ROWS * (n + 1)]}, Paging(n + 1, len(rows), names))
        for n in range(count)
    ]


def by_campaign(data: Data) -> dict[str, dict[str, list[Mapping[str, Any]]]]:
    """Campaign -> the rows of each query that are its own. A query that does not tell campaigns apart goes to all."""
    mine: dict[str, dict[str, list[Mapping[str, Any]]]] = {row["campaign"]: {} for row in data["campaigns"]}
    for query, rows in data.items():
        key = next((key for key in ("campaign", "campaign_name") if rows and key in rows[0]), None)
        for name in mine:
            mine[name][query] = [] if key or not rows else list(rows)
        if key:
            for row in rows:
                mine[row[key]][query].append(row)
    return mine


def _page(
    body: Body,
    template: Template,
    data: Data,
    facts: Mapping[str, Any],
    row: Mapping[str, Any] | None,
    paging: Paging | None = None,
) -> Page:
    names = {"slug": escape.slug(row["campaign"]), "campaign": row["campaign"]} if row else {}
    path = template.path.format_map(names)
    title = template.title.format_map(names)
    if paging and paging.number > 1:
        path = f"{path.rpartition('/')[0]}/page-{paging.number}.md"
        title = f"{title}, page {paging.number}"
    if template.instead:
        data = {**data, **{name: data[other] for name, other in template.instead.items()}}
    place = f"results/{path}" if template.shown_on is None else template.shown_on
    figures = Figures(path.removesuffix(".md"), place, template.charts, data, row)
    context: dict[str, Any] = {
        **{need: data[need] for need in template.needs},
        **{name: getattr(figures, name) for name in ("figure", "chart_values", "bulk", "url", "campaign_url")},
        "facts": facts,
    }
    if row:
        context["campaign"] = row
    if paging:
        context["paging"] = paging
    text = body.render(context).rstrip()
    title = escape.title(title)
    head: dict[str, Any] = {"title": title}
    if template.hide:
        head["hide"] = list(template.hide)
    if not template.search:
        head["search"] = {"exclude": True}
    front = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in head.items())
    markdown = f"{text}\n" if template.shown_on else f"---\n{front}---\n\n{text}\n"
    plain = {name: [_with_slug(row) for row in data[name]] for name in template.data}
    return Page(path, markdown, figures.tables, figures.key, {**figures.rows, **plain}, title)


def _with_slug(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A script finds the page and the data file of a campaign by it."""
    return {**row, "slug": escape.slug(row["campaign"])} if "campaign" in row else row


@cache
def _compiled() -> tuple[tuple[Template, Body], ...]:
    environment = _environment()
    return tuple((template, environment.from_string(template.body)) for template in templates())


def _environment() -> Environment:
    from report.dialect import environment

    return environment(FILTERS, GLOBALS)
