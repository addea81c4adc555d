"""The suites of charts, queries and pages are handed members that are broken on purpose, and must refuse them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

from report.charts import Chart, Data, Rows, charts
from report.gather import Query, query
from report.render import Page, Template, _environment
from tests.contract import test_charts, test_pages, test_queries


def test_a_chart_that_reads_what_it_does_not_name_is_refused() -> None:
    data: Data = {"trials": [], "levels": []}
    broken = replace(charts.get("history"), rows=lambda data: data["levels"])
    with pytest.raises(KeyError):
        test_charts.check_declared(broken, data)


def test_a_chart_whose_spec_asks_for_another_word_is_refused() -> None:
    with pytest.raises(AssertionError, match="surprise"):
        test_charts.check_words(charts.get("history"), {"title": "@surprise"})


@pytest.mark.parametrize("row", [{"x": float("nan")}, {"x": [1]}, {"y": 1.0}])
def test_rows_that_a_page_can_not_carry_are_refused(row: Mapping[str, Any]) -> None:
    rows: Rows = [row]
    with pytest.raises(AssertionError):
        test_charts.check_rows(rows, {"encoding": {"x": {"field": "x"}}})


def test_a_chart_that_says_no_number_is_refused() -> None:
    mute: Chart = replace(
        charts.get("causes"), caption=lambda rows, words: "See above.", missing=lambda rows, words: None
    )
    with pytest.raises(AssertionError):
        test_charts.check_said(mute, test_charts.Drawn("causes", [{"phase": "load"}], {"phases": []}))


GOOD_HEADER = "-- A trial.\n-- columns:\n--   number INTEGER   its number\n"


def asked(sql: str, columns: Mapping[str, str] | None = None) -> Query:
    return Query("broken", "A trial.", dict(columns or {"number": "INTEGER"}), sql)


def test_a_query_that_writes_is_refused() -> None:
    for sql in ("DELETE FROM store.trial", "SELECT 1; DROP TABLE x", "COPY trials TO 'x.csv'"):
        with pytest.raises(AssertionError):
            test_queries.check_reads(asked(sql))
    test_queries.check_reads(asked("-- never DELETE\nSELECT number FROM trials WHERE cause = 'drop'"))


def test_a_query_that_keeps_quiet_about_a_column_is_refused() -> None:
    with pytest.raises(AssertionError):
        test_queries.check_header(asked(GOOD_HEADER.replace("its number", "")))
    test_queries.check_header(asked(f"{GOOD_HEADER}SELECT 1"))


def test_a_query_that_gives_something_else_or_in_any_order_is_refused(full: DuckDBPyConnection) -> None:
    with pytest.raises(AssertionError):
        test_queries.check_gives(asked("SELECT status FROM trials"), full)
    with pytest.raises(AssertionError):
        test_queries.check_ordered(asked("SELECT number FROM trials"), full)
    test_queries.check_ordered(query("trials"), full)


PAGE = Template("broken", "# {{ runs | length }}\n", "Broken", "broken.md", needs=("runs",), order=7)


@pytest.mark.parametrize(
    "changes",
    [
        {"needs": ("runs", "trials")},
        {"needs": ("nothing",)},
        {"charts": ("history",)},
        {"body": "# {{ runs }}{{ figure('history') }}"},
        {"path": "broken.html"},
    ],
)
def test_a_page_that_declares_something_else_is_refused(changes: Mapping[str, Any]) -> None:
    test_pages.check_declared(PAGE)
    with pytest.raises(AssertionError):
        test_pages.check_declared(replace(PAGE, **changes))


@pytest.mark.parametrize("text", ["# a\n\n# b\n", "took None", "{{ left }}", "<!--table:gone-->"])
def test_a_page_that_is_not_filled_in_is_refused(text: str) -> None:
    with pytest.raises(AssertionError):
        test_pages.check_page(Page("broken.md", f"---\ntitle: x\n---\n\n{text}\n"))


def test_a_number_without_a_unit_stops_the_build() -> None:
    page = _environment().from_string("{{ value }}")
    with pytest.raises(TypeError, match="has no unit"):
        page.render(value=3.14)
