"""Pages from templates. A page is one file `report/pages/NAME.md.j2`: YAML front matter, then Markdown with Jinja2.

Front matter: `title` and `path` (of the Markdown file below `site/results/`; both may say {slug} and {campaign}),
`needs` (queries), `charts`, `data` (queries whose rows go into the page's data file as they are), `order` (of writing),
`for_each: campaigns` (one page per campaign), `hide` (parts of the theme), `shown_on` (the page that includes this one,
when it is no page itself), `search: false`.

A need that no query gives, a chart that no file gives and a name that nothing defines are errors of the build.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from report import escape
from report.charts import Rows
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
    shown_on: str | None = None
    hide: tuple[str, ...] = ()
    search: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """A page as Markdown. `path` is relative to `site/results/`; `tables` are what the post-pass puts in for its
    placeholders; `rows` (chart or query -> data set) go into the data file called `key`."""

    path: str
    markdown: str
    tables: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    rows: Mapping[str, Rows] = field(default_factory=dict)


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
    environment = _environment()
    pages = []
    for template in templates():
        body = environment.from_string(template.body)
        if template.for_each is None:
            pages.append(_page(body, template, data, facts, None))
        else:
            mine = by_campaign(data)
            pages += [_page(body, template, mine[row["campaign"]], facts, row) for row in data[template.for_each]]
    return pages


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


def _page(body: Body, template: Template, data: Data, facts: Mapping[str, Any], row: Mapping[str, Any] | None) -> Page:
    names = {"slug": escape.slug(row["campaign"]), "campaign": row["campaign"]} if row else {}
    path = template.path.format_map(names)
    place = f"results/{path}" if template.shown_on is None else template.shown_on
    figures = Figures(path.removesuffix(".md"), place, template.charts, data, row)
    context: dict[str, Any] = {
        **{need: data[need] for need in template.needs},
        **{name: getattr(figures, name) for name in ("figure", "chart_values", "bulk", "url", "campaign_url")},
        "facts": facts,
    }
    if row:
        context["campaign"] = row
    text = body.render(context).rstrip()
    head: dict[str, Any] = {"title": escape.title(template.title.format_map(names))}
    if template.hide:
        head["hide"] = list(template.hide)
    if not template.search:
        head["search"] = {"exclude": True}
    front = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in head.items())
    markdown = f"{text}\n" if template.shown_on else f"---\n{front}---\n\n{text}\n"
    plain = {name: [_with_slug(row) for row in data[name]] for name in template.data}
    return Page(path, markdown, figures.tables, figures.key, {**figures.rows, **plain})


def _with_slug(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A script finds the page and the data file of a campaign by it."""
    return {**row, "slug": escape.slug(row["campaign"])} if "campaign" in row else row


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("report", "pages"),
        undefined=StrictUndefined,
        finalize=escape.printed,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,  # so that macros give Markup; `finalize` has then escaped, for Markdown and HTML at once
    )
    environment.filters.update(FILTERS)
    environment.globals.update(GLOBALS)
    return environment
