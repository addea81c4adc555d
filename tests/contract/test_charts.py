"""What every chart promises: it asks for what it uses, draws what it is given, and says in words what it shows.

That it can be drawn at all, with many rows, one and none, is tested in tests/report/test_charts.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

from report import render
from report.charts import Chart, Data, chart, charts, specs
from report.check import check
from report.figures import Figures
from report.gather import gather, query_names
from report.publish import Publisher

NAMES = charts.names()


@dataclass
class Drawn:
    """A figure as a page asked for it."""

    chart: str
    rows: Sequence[Mapping[str, Any]]
    words: Mapping[str, Any]


@pytest.fixture(scope="module")
def data(full: DuckDBPyConnection) -> Data:
    return gather(full, query_names(), Publisher([]))


@pytest.fixture(scope="module")
def drawn(data: Data) -> list[Drawn]:
    """Every figure of the site, with the words that its page gave it."""
    found: list[Drawn] = []

    class Noted(Figures):
        def figure(self, name: str, title: str | None = None, **words: Any) -> Any:
            said = {**self._usual_words(chart(name).words, self.rows[name], words), **words}
            found.append(Drawn(name, self.rows[name], said))
            return super().figure(name, title, **words)

    facts = {
        "version": "1", "private": False, "as_of": None, "note": "", "doubts": check(data), "exports": [],
        "reference": True, "sql": None,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "Figures", Noted)
        render.render(data, facts)
    return found


def at_words(value: Any) -> set[str]:
    """The words that a spec leaves to its figure."""
    if isinstance(value, str):
        return {value[1:]} if value.startswith("@") else set()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(at_words, inner))


def fields(value: Any) -> set[str]:
    """The columns of its rows that a spec draws."""
    if isinstance(value, list):
        return set().union(*map(fields, value))
    if not isinstance(value, dict):
        return set()
    own = {value["field"]} if isinstance(value.get("field"), str) else set()
    return own.union(*map(fields, value.values()))


def check_declared(chart: Chart, data: Data) -> None:
    """It reads the queries it names, and no other."""
    assert chart.title
    assert chart.height > 0
    assert set(chart.queries) <= set(query_names())
    chart.rows({name: data[name] for name in chart.queries})


def check_words(chart: Chart, spec: Mapping[str, Any]) -> None:
    asked = at_words(dict(spec))
    assert asked == set(chart.words), f"the spec asks for {sorted(asked)}, words are {sorted(chart.words)}"


def check_rows(rows: Sequence[Mapping[str, Any]], spec: Mapping[str, Any]) -> None:
    """Flat, finite, ready for JSON, and with every column that the spec draws."""
    for row in rows:
        assert all(value is None or isinstance(value, bool | int | float | str) for value in row.values()), row
        assert all(math.isfinite(value) for value in row.values() if isinstance(value, float)), row
        assert fields(dict(spec)) <= set(row), (
            f"the spec draws {sorted(fields(dict(spec)) - set(row))}, not in the rows"
        )
    json.dumps(list(rows), allow_nan=False)


def check_said(chart: Chart, figure: Drawn) -> None:
    """A figure without rows says why; one with rows says its numbers. Both without the picture."""
    assert set(chart.words) <= set(figure.words)
    reason = chart.missing(figure.rows, figure.words)
    text = reason if reason is not None else chart.caption(figure.rows, figure.words)
    assert text.strip().endswith(".")
    assert reason is not None or any(character.isdigit() for character in text)
    assert chart.missing([], figure.words), "nothing to draw, and it does not say so"


@pytest.mark.parametrize("name", NAMES)
def test_it_declares_what_it_reads(name: str, data: Data) -> None:
    check_declared(charts.get(name), data)


@pytest.mark.parametrize("name", NAMES)
def test_its_words_are_those_of_its_spec(name: str) -> None:
    check_words(charts.get(name), specs([name])[name])


@pytest.mark.parametrize("name", NAMES)
def test_its_rows_hold_what_its_spec_draws(name: str, data: Data) -> None:
    rows = charts.get(name).rows(data)
    assert rows, "the store of this suite shows it nothing: give it a case in tests/make"
    check_rows(rows, specs([name])[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_it_and_it_speaks(name: str, drawn: list[Drawn]) -> None:
    mine = [figure for figure in drawn if figure.chart == name]
    assert mine, "no page shows it"
    for figure in mine:
        check_said(charts.get(name), figure)
    assert any(charts.get(name).missing(figure.rows, figure.words) is None for figure in mine)
