"""What every page promises: it declares what it uses, and stands on a full and on an empty store."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import pytest
from duckdb import DuckDBPyConnection
from jinja2 import meta

from report import render
from report.charts import charts
from report.check import check
from report.gather import gather, query_names
from report.publish import Publisher
from report.render import Page, Template, templates

TEMPLATES = {template.name: template for template in templates()}


def used_names(body: str) -> set[str]:
    """What a body takes from outside of itself, through the pieces it imports too."""
    environment = render._environment()
    tree = environment.parse(body)
    names = meta.find_undeclared_variables(tree)
    for other in meta.find_referenced_templates(tree):
        names |= used_names(files("report.pages").joinpath(str(other)).read_text(encoding="utf-8"))
    return names


def whole_body(body: str) -> str:
    """With the pieces that it takes in."""
    pieces = meta.find_referenced_templates(render._environment().parse(body))
    return body + "".join(
        whole_body(files("report.pages").joinpath(str(one)).read_text(encoding="utf-8")) for one in pieces
    )


def check_declared(template: Template) -> None:
    """Needs are queries, charts are charts, and the body uses all of them. That it uses nothing else shows when it is
    rendered: an undefined name is an error."""
    assert template.title.strip()
    assert template.path.endswith(".md")
    assert set(template.needs) <= set(query_names())
    assert set(template.charts) <= set(charts.names())
    used = used_names(template.body)
    assert set(template.needs) - used == set(), "in needs, and not used"
    drawn = set(re.findall(r"""\b(?:figure|chart_values)\(\s*["'](\w+)["']""", whole_body(template.body)))
    assert drawn == set(template.charts), f"draws {sorted(drawn)}, charts are {sorted(template.charts)}"


def check_page(page: Page) -> None:
    """One title, a way to read it without the table's place-holder, no unfilled word."""
    body = page.markdown.split("---\n", 2)[-1]
    assert len(re.findall(r"^# ", body, flags=re.MULTILINE)) <= 1
    assert not re.search(r"\bNone\b|\bnan\b|\{\{|\}\}", body), page.path
    assert re.findall(r".*[^\n#]##+ .*", body) == [], "a heading begins a line"
    assert set(re.findall(r"<!--table:([^>]+)-->", body)) == set(page.tables)
    for name, table in page.tables.items():
        assert table.startswith("<table"), name
        assert not re.search(r">(None|nan|inf)<", table), name


def rendered(connection: DuckDBPyConnection) -> list[Page]:
    data = gather(connection, query_names(), Publisher(["bench-1"]))
    facts: Mapping[str, Any] = {
        "version": "1.2.3", "private": False, "as_of": None, "note": "Data as of then.", "doubts": check(data),
        "exports": [], "reference": True, "sql": None,
    }  # fmt: skip
    return render.render(data, facts)


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_declares_what_it_uses_and_uses_what_it_declares(name: str) -> None:
    check_declared(TEMPLATES[name])


def test_every_page_stands_on_a_full_store(full: DuckDBPyConnection) -> None:
    for page in rendered(full):
        check_page(page)


def test_every_page_stands_on_an_empty_store(bare: DuckDBPyConnection) -> None:
    pages = rendered(bare)
    assert len(pages) == sum(template.for_each is None for template in TEMPLATES.values())
    for page in pages:
        check_page(page)


def test_no_two_pages_take_one_place(full: DuckDBPyConnection) -> None:
    paths: Sequence[str] = [page.path for page in rendered(full)]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_has_a_place_in_the_order(name: str) -> None:
    """Without one its place follows from its name, and moves when it is renamed."""
    assert TEMPLATES[name].order != Template("", "", "", "").order
