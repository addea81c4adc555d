"""Rendered Markdown, before MkDocs: golden, so that a change of a page is seen as what a reader gets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import pytest

from report.check import check
from report.gather import gather, prepare, query_names
from report.publish import Publisher
from report.render import Page, render, templates
from runner.store.reader import open_snapshot
from tests import make


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    results = tmp_path_factory.mktemp("pages") / "results"
    make.write_store(results)
    make.write_all_failed(results)
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        data = gather(connection, query_names(), Publisher(["bench-1"]))
    facts: Mapping[str, Any] = {
        "version": "1.2.3", "private": False, "as_of": None, "note": "Data as of then.", "doubts": check(data),
        "exports": [], "reference": True,
    }  # fmt: skip
    return {page.path: page for page in render(data, facts)}


def test_every_page_is_golden(pages: Mapping[str, Page], golden_tree: Callable[..., None]) -> None:
    """Of every template, and of the data behind its figures."""
    made = {}
    for path, page in pages.items():
        tables = "".join(f"\n<!-- {name} -->\n{_lines(table)}\n" for name, table in page.tables.items())
        made[path] = page.markdown + tables
    golden_tree("site", made, ignore=("outline.txt", "downloads.txt"))


def _lines(table: str) -> str:
    """One row a line, so that a difference is a line."""
    return re.sub(r"(</tr>)", r"\1\n", table)


def test_a_need_that_no_query_gives_is_an_error() -> None:
    known = set(query_names())
    for template in templates():
        assert set(template.needs) <= known, template.name


def test_every_campaign_has_its_page(pages: Mapping[str, Page]) -> None:
    found = [path for path in pages if path.startswith("campaigns/") and path.count("/") == 2]
    assert found == ["campaigns/smollm-hopeless/index.md", "campaigns/smollm-cpu/index.md"]


def test_no_bulky_table_passes_through_markdown(pages: Mapping[str, Page]) -> None:
    rows: Sequence[str] = [path for path, page in pages.items() if "<tr" in page.markdown]
    assert rows == []
