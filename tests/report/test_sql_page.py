"""The SQL page without a browser: every question has an answer in the exported file, with and without the engine."""

from __future__ import annotations

import html
import re
from pathlib import Path

import duckdb
import pytest

from report import sql_engine
from report.build import Built, build_site
from report.questions import NOT_HERE, questions
from runner.store.schema import cookbook
from tests.report.conftest import make_small_project
from tests.report.test_build import hashes

SILENT = {"Who would win under other rules"}
"""Needs `tunebook store rescore`, which nobody ran on this store."""
TITLES = [question.title for question in questions()]
ENGINE = sql_engine.Engine({"duckdb.js.gz": b"x" * 7_900_000, "apache-arrow.LICENSE.txt": b"words"}, "1.4.3")


@pytest.mark.parametrize("title", TITLES)
def test_every_question_has_an_answer_in_the_exported_file(title: str, built: Built) -> None:
    (question,) = [question for question in questions() if question.title == title]
    with duckdb.connect(built.out / "results/data/results.duckdb", read_only=True) as connection:
        rows = connection.execute(question.query).fetchall()
    assert bool(rows) is (title not in SILENT)
    assert title in SILENT or any(value is not None for row in rows for value in row)


def test_what_is_left_out_of_the_cookbook_is_what_the_file_can_not_answer(built: Built) -> None:
    unanswered = set()
    with duckdb.connect(built.out / "results/data/results.duckdb", read_only=True) as connection:
        for recipe in cookbook():
            try:
                connection.execute(recipe.query)
            except duckdb.Error:
                unanswered.add(recipe.title)
    assert unanswered == NOT_HERE


def words(built: Built) -> str:
    """The page as its reader sees it."""
    return html.unescape(re.sub(r"<[^>]+>", "", (built.out / "results/sql.html").read_text(encoding="utf-8")))


def test_the_page_shows_each_question_and_each_table(built: Built) -> None:
    text = (built.out / "results/sql.html").read_text(encoding="utf-8")
    assert text.count('class="tb-question"') == len(TITLES) >= 15
    assert [title for title in TITLES if title not in words(built)] == []
    assert "slo_verdicts" in words(built)


def test_without_the_engine_it_says_how_to_get_it(built: Built) -> None:
    text = (built.out / "results/sql.html").read_text(encoding="utf-8")
    assert "tunebook build --sql" in words(built)
    assert "duckdb results.duckdb" in words(built)
    assert 'class="tb-sql"' not in text
    assert not (built.out / "results/assets/sql").exists()


@pytest.mark.parametrize("how", ["option", "setting"])
def test_with_the_engine(how: str, empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_engine, "fetched", lambda: ENGINE)
    project = make_small_project(tmp_path / "project")
    if how == "setting":
        (project / "tunebook.toml").write_text("[site]\nsql = true\n", encoding="utf-8")
    out = build_site(empty, project, None, sql=how == "option").out
    text = (out / "results/sql.html").read_text(encoding="utf-8")
    assert 'data-engine="assets/sql/"' in text
    assert 'data-database="data/results.duckdb"' in text
    assert 'data-size="8 MB"' in text
    found = {path.name: path.read_bytes() for path in (out / "results/assets/sql").iterdir()}
    assert found == ENGINE.files
    before = hashes(out)
    again = hashes(build_site(empty, project, None, sql=how == "option").out)
    differ = {name for name in before.keys() | again.keys() if before.get(name) != again.get(name)}
    assert differ <= {"results/data/results.duckdb", "results/data/SHA256SUMS"}
