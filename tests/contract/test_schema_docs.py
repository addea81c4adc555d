"""The public interface of the store and its documentation: the pinned columns, the word lists, the comments, the page,
the cookbook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from runner.domain.campaign import Goal, Objective
from runner.store import schema
from runner.store._reference import tables_page
from runner.store.ingest import ingest
from runner.store.reader import open_snapshot
from runner.store.record import seal_rules
from runner.store.snapshot import snapshot
from tests import make

PAGE = Path(__file__).parents[2] / "site" / "reference" / "tables.md"

PINNED = {
    "campaigns": "campaign_id name version_sha256 search_key model hardware objective goal unit",
    "runs": "run_id campaign_id host git_commit tunebook_version started_utc ended_utc end_reason",
    "trials": "trial_id campaign_id number series runtime entry fingerprint params params_json status score unit "
    "confirmed_score phase cause severity penalty penalty_classic attempts launch",
    "attempts": "attempt_id trial_id run_id role outcome phase cause client client_version engine_version image_digest "
    "host seconds gpu_seconds started_utc ended_utc",
    "phases": "attempt_id phase seconds",
    "levels": "attempt_id position load_kind load_value scenario state sent ok failed lost short seconds",
    "metrics": "attempt_id position metric stat unit value",
    "failures": "attempt_id trial_id phase cause evidence rule hung levels_done gpu_seconds_lost severity",
    "rejections": "campaign_id fingerprint params_json rule reason",
    "slo_verdicts": "attempt_id position slo hard limit_value value ratio verdict rules_id",
    "scores": "attempt_id rules_id value severity soft_penalty",
    "comparisons": "comparison_id campaign_id trial_a trial_b metric verdict log_ratio low high repeats client reason",
    "best": "campaign_id trial_id score basis",
    "baselines": "campaign_id trial_id entry score",
    "gpu_samples": "attempt_id",
    "hosts": "host_id",
    "cost": "attempt_id",
    "retractions": "retraction_id attempt_id",
}
"""The first columns of each view: what other tools and tests rely on. Add behind them, never rename."""


@pytest.fixture(scope="module")
def empty() -> Iterator[Any]:
    with duckdb.connect() as connection:
        schema.create(connection)
        yield connection


@pytest.mark.parametrize("view", PINNED)
def test_the_pinned_columns_come_first(empty: Any, view: str) -> None:
    columns = [row[0] for row in empty.execute(f"DESCRIBE main.{view}").fetchall()]
    wanted = PINNED[view].split()
    assert columns[: len(wanted)] == wanted


@pytest.mark.parametrize("name", ["penalty", "penalty_classic", "requests"])
def test_the_pinned_macros_exist(empty: Any, name: str) -> None:
    found = empty.execute("SELECT count(*) FROM duckdb_functions() WHERE function_name = ?", [name]).fetchone()
    assert found == (1,)


def test_every_table_view_and_column_of_the_interface_has_a_comment(empty: Any) -> None:
    silent = empty.execute(
        "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL "
        "AND (schema_name = 'main' OR table_name IN (SELECT table_name FROM duckdb_tables())) "
        "AND table_name <> '_refuse'"
    ).fetchall()
    assert silent == []
    for kind in ("tables", "views"):
        rows = empty.execute(f"SELECT count(*), count(comment) FROM duckdb_{kind}() WHERE NOT internal").fetchone()
        assert rows[0] == rows[1] > 0
    macros = empty.execute("SELECT count(*), count(comment) FROM duckdb_functions() WHERE NOT internal").fetchone()
    assert macros == (5, 5)


def test_every_described_column_exists(empty: Any) -> None:
    """The parser of the comments and DuckDB agree on what the SQL texts create."""
    rows = empty.execute(
        "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE NOT internal ORDER BY column_index"
    ).fetchall()
    for item in schema.described():
        if item.columns:
            home, _, name = item.name.rpartition(".")
            real = [column for where, table, column in rows if (where, table) == (home or "main", name)]
            assert list(item.columns) == real, item.name


@pytest.mark.parametrize("name", sorted(schema.ENUMS))
def test_the_word_lists_are_those_of_the_domain(empty: Any, name: str) -> None:
    """What DuckDB checks is read back from DuckDB: some CHECK lists exactly the values of the StrEnum."""
    texts = [row[0] for row in empty.execute("SELECT constraint_text FROM duckdb_constraints()").fetchall()]
    lists = [set(re.findall(r"'([^']*)'", text)) for text in texts if " IN (" in text]
    assert {member.value for member in schema.ENUMS[name]} in lists


def test_every_word_list_of_the_tables_is_generated() -> None:
    text = Path(schema.__file__).with_name("schema.sql").read_text(encoding="utf-8")
    assert re.findall(r" IN \((?!\{)", text) == []
    assert set(re.findall(r"\(\{(\w+)\}\)", text)) == set(schema.ENUMS)


def test_the_page_is_what_the_comments_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == tables_page(), (
        "run: python -m runner.store._reference > site/reference/tables.md"
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make.write_store(tmp_path_factory.mktemp("cookbook") / "results")
    other = replace(made.campaign, objective=Objective("ttft_p50", Goal.MINIMIZE, "worst"))
    seal_rules(made.results, make.rules(other, written_utc=make.utc(-1)))  # not the ones in force
    ingest(made.results)
    snapshot(made.results)
    return made.results


def test_the_cookbook_has_fifteen_questions() -> None:
    assert len({recipe.title for recipe in schema.cookbook()}) >= 15


@pytest.mark.parametrize("title", [recipe.title for recipe in schema.cookbook()])
def test_every_recipe_answers(results: Path, title: str) -> None:
    (recipe,) = [recipe for recipe in schema.cookbook() if recipe.title == title]
    assert f"### {title}\n" in PAGE.read_text(encoding="utf-8")
    with open_snapshot(results) as connection:
        rows = connection.execute(recipe.query).fetchall()
    assert rows, "a recipe that finds nothing in a believable store shows nothing"
    assert any(value is not None for row in rows for value in row)
