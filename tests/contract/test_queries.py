"""What every query of the report promises: it reads, it gives what its header says, always in the same order.

Which of its columns may leave the machine is tested in tests/report/test_queries.py.
"""

from __future__ import annotations

import re

import pytest
from duckdb import DuckDBPyConnection

from report import details
from report.charts import charts
from report.gather import Query, query, query_names
from report.render import templates

BUILD = {"machines", "snapshot", *details.QUERIES}
"""Asked by report/build.py itself: the aliases of hosts, the date of the site, the files beside the pages."""

WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|COPY|ATTACH|INSTALL|LOAD|PRAGMA|SET)\b", re.IGNORECASE)


def code(asked: Query) -> str:
    """The statement without its comments and texts."""
    return re.sub(r"'[^']*'", "''", re.sub(r"--[^\n]*", "", asked.sql))


def check_reads(asked: Query) -> None:
    """One statement, and it only reads."""
    assert WRITES.findall(code(asked)) == []
    assert code(asked).strip().rstrip(";").count(";") == 0
    assert re.match(r"\s*(SELECT|WITH|FROM)\b", code(asked))


def check_header(asked: Query) -> None:
    """A sentence about a row, and a word about each column."""
    assert asked.meaning.endswith(".")
    assert asked.meaning[0].isupper()
    lines = asked.sql.split("-- columns:\n")[1].splitlines()
    said = [line for line in lines if line.startswith("--   ")]
    silent = [line for line in said if not re.fullmatch(r"--   \w+ +[A-Z]+(\[\])? +\S.*", line)]
    assert silent == []
    assert len(said) == len(asked.columns), "a line of the header is no column"


def check_gives(asked: Query, connection: DuckDBPyConnection) -> None:
    result = connection.execute(asked.sql)
    assert {column[0]: str(column[1]) for column in result.description or ()} == asked.columns


def check_ordered(asked: Query, connection: DuckDBPyConnection) -> None:
    """Rows have one order, whatever the engine does in parallel; a single row needs none."""
    rows = connection.execute(asked.sql).fetchall()
    assert len(rows) < 2 or re.search(r"\bORDER BY\b(?!.*\bFROM\b)", code(asked), re.DOTALL | re.IGNORECASE)
    shuffled = connection.execute(f"SELECT * FROM ({asked.sql.rstrip().rstrip(';')}\n) ORDER BY random()").fetchall()
    assert sorted(map(repr, rows)) == sorted(map(repr, shuffled))
    for _ in range(3):
        assert connection.execute(asked.sql).fetchall() == rows


@pytest.mark.parametrize("name", query_names())
def test_it_reads_and_nothing_else(name: str) -> None:
    check_reads(query(name))


@pytest.mark.parametrize("name", query_names())
def test_its_header_says_what_a_row_and_a_column_are(name: str) -> None:
    check_header(query(name))


@pytest.mark.parametrize("name", query_names())
def test_it_gives_what_its_header_says(name: str, full: DuckDBPyConnection, bare: DuckDBPyConnection) -> None:
    check_gives(query(name), full)
    check_gives(query(name), bare)


@pytest.mark.parametrize("name", query_names())
def test_its_rows_have_one_order(name: str, full: DuckDBPyConnection) -> None:
    check_ordered(query(name), full)


@pytest.mark.parametrize("name", query_names())
def test_somebody_asks_it(name: str) -> None:
    asked = BUILD.union(*(template.queries() for template in templates()))
    asked = asked.union(*(charts.get(chart).queries for chart in charts.names()))
    asked |= {template.for_each for template in templates() if template.for_each}
    assert name in asked, "no page, chart or build step needs it"


ELSEWHERE = {
    "capacities": "tests/report/test_capacities.py",
    "due_runs": "tests/report/test_due.py",
    "foreign": "tests/report/test_foreign.py",
    "retractions": "tests/report/test_pages.py",
}
"""Queries of what the small store has not: they are shown by tests with a store of their own."""


@pytest.mark.parametrize("name", [name for name in query_names() if name not in ELSEWHERE])
def test_it_shows_something_of_the_small_store(name: str, full: DuckDBPyConnection) -> None:
    """A query that finds nothing in a store where everything happened is not tested by any page."""
    assert full.execute(query(name).sql).fetchall(), "give it a case in tests/make"
