"""SQL in the page, by the real engine in a real browser: the answers of DuckDB in Python, and nobody else asked."""

from __future__ import annotations

import csv
import shutil
import threading
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest
from selenium.webdriver.common.keys import Keys

from report import escape, sql_engine
from report.build import Built, build_site
from report.questions import questions
from tests._machine import missing
from tests.browser.checks import wrong_with
from tests.browser.conftest import Browser, Places, served
from tests.browser.modes import MODES, Mode, reading
from tests.browser.test_hostile import INTRUDERS
from tests.report.conftest import make_small_project

pytestmark = pytest.mark.browser

PAGE = "results/sql.html"
STATE = "document.querySelector('.tb-sql').dataset.state"
CELLS = """
  const text = (row) => [...row.children].map((cell) => cell.textContent);
  const table = document.querySelector('.tb-output table');
  return [text(table.tHead.rows[0]), ...[...table.tBodies[0].rows].map(text)];
"""
ASK = """
  const box = document.querySelector('.tb-query');
  box.value = arguments[0];
  document.querySelector('.tb-button--main').click();
"""


@pytest.fixture(scope="module")
def asking(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A site whose SQL page answers: of the good, the failed and the hostile campaign."""
    if sql_engine.cached() is None:
        missing("DuckDB for the SQL page (`make sql`)")
    return build_site(filled, make_small_project(tmp_path_factory.mktemp("sql") / "project"), None, sql=True)


@pytest.fixture(scope="module")
def addresses(asking: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with served(asking.out, tmp_path_factory.mktemp("sql-below")) as found:
        yield found


def finished(browser: Browser) -> None:
    browser.wait(f"['done', 'failed'].includes({STATE})", "an answer")


def ask(browser: Browser, question: str) -> list[list[str]]:
    """Head and rows of the answer on the page."""
    browser.run(ASK, question)
    finished(browser)
    said = browser.run("return document.querySelector('.tb-output').textContent")
    assert browser.run(f"return {STATE}") == "done", said
    cells: list[list[str]] = browser.run(CELLS)
    return cells


def refused(browser: Browser, question: str) -> str:
    browser.run(ASK, question)
    finished(browser)
    assert browser.run(f"return {STATE}") == "failed", question
    return str(browser.run("return document.querySelector('.tb-error').textContent"))


def shown(value: Any, cell: str) -> Any:
    """The cell of a page as the kind of value that Python's DuckDB gives, so that the two can be compared."""
    if value is None:
        return None if cell == "–" else cell
    if isinstance(value, bool):
        return {"true": True, "false": False}.get(cell, cell)
    if isinstance(value, int | float | Decimal):
        return type(value)(cell)
    if isinstance(value, datetime):
        return datetime.fromisoformat(cell)
    return cell


def compare(browser: Browser, database: Path, question: str) -> None:
    head, *rows = ask(browser, question)
    with duckdb.connect(database, read_only=True) as connection:
        result = connection.execute(question)
        names = [str(column[0]) for column in result.description or ()]
        wanted = [
            tuple(escape._UNSEEN.sub("\ufffd", one) if isinstance(one, str) else one for one in row)
            for row in result.fetchall()
        ]
    assert head == names
    assert len(rows) == min(1000, len(wanted))
    found = [tuple(map(shown, one, row)) for one, row in zip(wanted, rows, strict=False)]
    assert found == wanted[:1000], question


def test_every_question_gives_the_same_as_in_python(browser: Browser, asking: Built, addresses: Places) -> None:
    browser.open(addresses["http"] + PAGE)
    assert browser.run("return document.querySelector('.tb-button--main').textContent") == "Start SQL (8 MB)"
    assert not [url for url in browser.requests() if "/assets/sql/" in url], "8 MB are loaded by a click"
    for question in questions():
        compare(browser, asking.out / "results/data/results.duckdb", question.query)
    assert browser.run("return document.querySelector('.tb-button--main').textContent") == "Run"
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith(addresses["http"])] == []
    assert browser.run(INTRUDERS) == []
    assert browser.run("return window.hacked") is None


def test_kinds_of_values(browser: Browser, asking: Built, addresses: Places) -> None:
    browser.open(addresses["http"] + PAGE)
    for question in (
        "SELECT 1::DECIMAL(9,2) / 3 AS ratio, 12.50::DECIMAL(9,2) AS price, -0.05::DECIMAL(4,2) AS loss",
        "SELECT 170141183460469231731687303715884105727::HUGEINT AS huge, -5::HUGEINT AS small",
        "SELECT TIMESTAMP '2026-01-02 03:04:05.678901' AS precise, TIMESTAMP '1969-12-31 23:59:59' AS early",
        "SELECT 9007199254740993 AS big, true AS yes, 1e-7 AS little",
        "SELECT NULL AS nothing, '' AS empty, 0.1 + 0.2::DOUBLE AS sum, 1e300 AS large, 'ä\"<b>' AS text",
        "SELECT sum(n) AS buckets, avg(seconds) AS mean, median(seconds) AS middle FROM histograms",
        "SELECT count(*) FILTER (WHERE false) AS none WHERE false",
    ):
        compare(browser, asking.out / "results/data/results.duckdb", question)
    assert ask(browser, "SELECT DATE '2026-01-02' AS day, [1, NULL, 3] AS list, {'a': 1, 'b': 'x'} AS pair")[1] == [
        "2026-01-02", "[1,null,3]", '{"a":1,"b":"x"}',
    ]  # fmt: skip
    assert ask(browser, "SELECT TIME '01:02:03.5' AS at, INTERVAL 3 DAY::VARCHAR AS long")[1] == [
        "01:02:03.500",
        "3 days",
    ]
    assert "ask for long::VARCHAR" in refused(browser, "SELECT INTERVAL 3 DAY AS long")


def test_a_link_brings_its_question(browser: Browser, addresses: Places) -> None:
    question = "SELECT count(*) AS \"trials, 100 % of them\" -- 'ü' & #\nFROM trials"
    browser.open(f"{addresses['below']}{PAGE}#q={quote(question, safe='')}")
    browser.wait(f"{STATE} === 'idle'", "a page that can be asked")
    assert browser.run("return document.querySelector('.tb-query').value") == question
    box = browser.driver.find_element("css selector", ".tb-query")
    box.send_keys(Keys.CONTROL, Keys.ENTER)
    finished(browser)
    assert browser.run(CELLS)[0] == ["trials, 100 % of them"]
    other = "SELECT 7 AS seven"
    browser.run("location.hash = '#q=' + encodeURIComponent(arguments[0])", other)
    browser.wait("document.querySelector('.tb-output th')?.textContent === 'seven'", "the answer of the next link")
    ask(browser, "SELECT 'a b' AS text")
    assert browser.run("return location.hash") == "#q=SELECT%20'a%20b'%20AS%20text"
    assert browser.complaints() == []


def test_a_link_that_can_not_be_read(browser: Browser, addresses: Places) -> None:
    browser.open(f"{addresses['http']}{PAGE}#q=100%")
    browser.wait(f"{STATE} === 'failed'", "a word about it")
    assert "can not be read" in browser.run("return document.querySelector('.tb-error').textContent")


class Counting(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    do_HEAD = do_POST = do_PUT = do_GET

    def log_message(self, *words: object) -> None: ...


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """An address that is not the site's, and what it was asked for."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Mine", (Counting,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_nothing_is_asked_elsewhere(browser: Browser, addresses: Places, elsewhere: tuple[str, list[str]]) -> None:
    other, asked = elsewhere
    browser.open(addresses["http"] + PAGE)
    assert ask(browser, "SELECT 1 AS one") == [["one"], ["1"]]
    for question in (
        f"FROM read_csv('{other}/x.csv')",
        f"FROM '{other}/x.parquet'",
        f"COPY trials TO '{other}/stolen.csv'",
        f"ATTACH '{other}/x.duckdb' AS x",
        "LOAD spatial",
        "SELECT json_extract('{}', '$.a')",
        "SET enable_external_access = true",
        "SET autoload_known_extensions = true",
        "CREATE TABLE mine AS SELECT 1",
        "DROP TABLE trials",
    ):
        assert len(refused(browser, question)) > 20, question
    for nothing in ("INSTALL httpfs", f"INSTALL spatial FROM '{other}'"):  # in a browser only LOAD would fetch
        browser.run(ASK, nothing)
        finished(browser)
    assert ask(browser, "SELECT count(*) > 0 AS there FROM trials") == [["there"], ["true"]]
    assert asked == []
    assert [url for url in browser.requests() if not url.startswith(addresses["http"])] == []


def test_a_wrong_question_is_told_what_is_wrong(browser: Browser, addresses: Places) -> None:
    browser.open(addresses["http"] + PAGE)
    assert "no question" in refused(browser, "  ")
    said = refused(browser, "SELECT scroe FROM trials")
    assert '"scroe" not found' in said
    assert "score" in said, "a near name"
    assert "multiple statements" in refused(browser, "SELECT 1 AS one; SELECT 2 AS two")
    assert "syntax error" in refused(browser, "SELECT FROM WHERE")
    hostile = refused(browser, "SELECT \"<img src=x onerror='window.hacked=1'>\" FROM trials")
    assert "<img" in hostile
    assert browser.run("return window.hacked") is None


def test_many_rows_are_cut_on_the_page_and_whole_in_the_csv(
    browser: Browser, addresses: Places, tmp_path: Path
) -> None:
    browser.open(addresses["http"] + PAGE)
    rows = ask(browser, "SELECT i, 'a \"b\", ' || i AS text, NULL AS nothing FROM range(12345) t(i)")
    assert len(rows) == 1001
    assert "The first 1,000 rows; 11,345 more rows in the CSV." in browser.run(
        "return document.querySelector('.tb-output').textContent"
    )
    downloads = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.driver.execute_cdp_cmd("Page.setDownloadBehavior", downloads)
    browser.run("[...document.querySelectorAll('.tb-button')].find(b => b.textContent === 'CSV').click()")
    browser.wait("true", "")
    target = tmp_path / "answer.csv"
    for _ in range(100):
        if target.exists():
            break
        threading.Event().wait(0.1)
    with target.open(encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))
    assert found == [["i", "text", "nothing"], *([str(i), f'a "b", {i}', ""] for i in range(12345))]


def chart(browser: Browser, question: str, dark: bool = False) -> tuple[str, int]:
    """Caption, and how many marks are drawn."""
    ask(browser, question)
    browser.run("[...document.querySelectorAll('.tb-button')].find(b => b.textContent === 'Chart').click()")
    browser.wait("'done' in (document.querySelector('.tb-sql-chart')?.dataset ?? {})", "a chart")
    found = browser.run(
        "const f = document.querySelector('.tb-sql-chart'); return [f.querySelector('figcaption').textContent,"
        " f.querySelectorAll('.mark-rect path, .mark-symbol path').length, f.dataset.scheme]"
    )
    assert found[2] == ("dark" if dark else "light")
    return found[0], found[1]


def test_a_chart_of_an_answer(browser: Browser, addresses: Places) -> None:
    browser.open(addresses["http"] + PAGE)
    caption, marks = chart(browser, "SELECT cause, count(*) AS attempts FROM failures GROUP BY cause ORDER BY cause")
    assert caption.startswith("A bar is a row of the answer: attempts by cause, ")
    assert marks > 1
    caption, marks = chart(browser, "SELECT i AS x, i * i AS y FROM range(10) t(i)")
    assert (caption, marks) == ("A point is a row of the answer: y by x, 10 rows.", 10)
    caption, marks = chart(browser, "SELECT name, n FROM (VALUES ('a', 1), ('a', 2), ('b', NULL)) t(name, n)")
    assert caption == "A point is a row of the answer: n by name, 2 rows. Left out: 1 row without a value."
    assert marks == 2, "rows of one name are not added up"
    caption, marks = chart(browser, "SELECT 'n' || i AS name, i AS n FROM range(80) t(i)")
    assert marks == 50
    assert caption.endswith("50 rows. The first 50 of 80 rows.")
    caption, marks = chart(browser, "SELECT 'http://127.0.0.1:9/x.png' AS image, 1 AS n")
    assert marks == 1
    browser.run("document.querySelector('label[title=Dark]').click()")
    browser.wait("document.querySelector('.tb-sql-chart').dataset.scheme === 'dark'", "a chart for the dark page")
    ask(browser, "SELECT 'words' AS only_words")
    assert browser.run("return document.querySelector('.tb-sql-chart')") is None
    assert browser.complaints() == []


def test_stop_ends_a_question_that_takes_too_long(browser: Browser, addresses: Places) -> None:
    browser.open(addresses["http"] + PAGE)
    browser.run(
        ASK, "SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c WHERE a.range % 7 = b.range % 5"
    )
    browser.wait(f"{STATE} === 'busy'", "a question that is being answered")
    browser.run("[...document.querySelectorAll('.tb-button')].find(b => b.textContent === 'Stop').click()")
    browser.wait(f"{STATE} === 'failed'", "its end")
    assert ask(browser, "SELECT 2 AS two") == [["two"], ["2"]]


def test_from_a_file_it_says_what_to_do(browser: Browser, addresses: Places) -> None:
    browser.open(addresses["file"] + PAGE)
    browser.wait(f"{STATE} === 'failed'", "a hint")
    assert "tunebook serve" in browser.run("return document.querySelector('.tb-sql').textContent")
    assert browser.run("return document.querySelectorAll('.tb-sql button').length") == 0
    assert browser.complaints() == []


def test_parts_that_are_missing_are_named(browser: Browser, asking: Built, tmp_path: Path) -> None:
    """A site that was not copied as a whole."""
    copy = tmp_path / "copy"
    shutil.copytree(asking.out, copy)
    (copy / "results/assets/sql/duckdb-eh.wasm.gz").unlink()
    with served(copy, tmp_path / "below") as places:
        browser.open(places["http"] + PAGE)
        assert "duckdb-eh.wasm.gz is not there (404)" in refused(browser, "SELECT 1")


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_it_is_whole_in_this_way_of_reading(browser: Browser, addresses: Places, mode: Mode) -> None:
    site = addresses[mode.place]
    with reading(browser, mode, site + PAGE):
        assert wrong_with(browser, mode, site) == []


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode.name in ("light", "dark phone")], ids=lambda m: m.name)
def test_an_answer_is_whole(browser: Browser, addresses: Places, mode: Mode) -> None:
    """With the hostile campaign in the table, a chart above it, then an error."""
    site = addresses[mode.place]
    with reading(browser, mode, site + PAGE):
        chart(browser, "SELECT evidence, count(*) AS attempts FROM failures GROUP BY evidence ORDER BY ALL", mode.dark)
        assert wrong_with(browser, mode, site) == []
        assert browser.run(INTRUDERS) == []
        assert not [c for c in browser.run("return document.body.innerText") if not c.isprintable() and c not in "\n\t"]
        refused(browser, "SELECT nothing FROM nowhere")
        assert wrong_with(browser, mode, site) == []
