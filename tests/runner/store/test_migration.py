"""A store that an older tunebook made is brought up to date, with all its rows.

tests/golden/schemas/N.sql is version N as it was released. A change of the schema without a new version would leave
the stores that are out there as they were: the last file says that it changed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from runner.cli._main import run_command_line
from runner.store.schema import SCHEMA_VERSION, guard, missing_triggers, schema_text
from tests import make
from tests.runner.store.conftest import Ask, live

SCHEMAS = Path(__file__).parents[2] / "golden" / "schemas"
COLUMNS = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'store' ORDER BY ALL"


def bare(text: str) -> str:
    """Without comments and empty lines."""
    lines = (re.sub(r"\s+-- .*$", "", line) for line in text.splitlines() if not line.startswith("--"))
    return "".join(f"{line}\n" for line in lines if line.strip())


def made_by(version: int, store: make.Made) -> dict[str, list[tuple[Any, ...]]]:
    """Puts a store of `version` with the same rows in the place of today's. Returns the rows, by table."""
    path = store.results / "store.duckdb"
    older = store.results / "older.duckdb"
    with duckdb.connect(older) as connection:
        connection.execute(f"ATTACH '{path}' AS today; CREATE SCHEMA store")
        connection.execute((SCHEMAS / f"{version}.sql").read_text())
        names = connection.execute(
            "SELECT table_name, string_agg('\"' || column_name || '\"', ', ') FROM duckdb_columns() "
            "WHERE database_name = 'older' AND schema_name = 'store' AND table_name <> '_refuse' GROUP BY ALL"
        ).fetchall()
        rows = {}
        for table, columns in names:
            if table != "schema_migration":
                connection.execute(f"INSERT INTO store.{table} BY NAME SELECT {columns} FROM today.store.{table}")
                rows[table] = connection.execute(f"SELECT {columns} FROM store.{table} ORDER BY ALL").fetchall()
        connection.execute("INSERT INTO store.schema_migration VALUES (?, '', now()::TIMESTAMP, '0.1', '1')", [version])
        connection.execute("DETACH today")
        guard(connection)
    older.replace(path)
    return rows


def test_the_released_schemas_are_all_here() -> None:
    assert sorted(int(path.stem) for path in SCHEMAS.glob("*.sql")) == list(range(1, SCHEMA_VERSION + 1))


def test_a_changed_schema_has_a_new_version() -> None:
    """No `--accept` here: once a version is released, its file never changes."""
    released = (SCHEMAS / f"{SCHEMA_VERSION}.sql").read_text()
    how = f"raise SCHEMA_VERSION, write its migration, and put `bare(schema_text())` into {SCHEMAS.name}/"
    assert bare(schema_text()) == released, how


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_an_older_store_is_migrated_with_all_its_rows(
    version: int, store: make.Made, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    with live(store.results) as connection:
        wanted = connection.execute(COLUMNS).fetchall()
    best = ask(store.results, "SELECT trial_id, score FROM best")
    rows = made_by(version, store)
    assert sum(map(len, rows.values())) > 100, "a store worth migrating"

    assert run_command_line(["store", "verify", "--results", str(store.results)]) == 0
    assert f"schema version {version}, now {SCHEMA_VERSION}" in capsys.readouterr().out
    make.seal_one(store.results, make.attempt(store.campaign, number=12, values={"threads": 3}, n=200))
    assert run_command_line(["store", "ingest", "--results", str(store.results)]) == 0
    assert run_command_line(["store", "verify", "--results", str(store.results)]) == 0
    assert "schema version" not in capsys.readouterr().out

    with live(store.results) as connection:
        assert connection.execute(COLUMNS).fetchall() == wanted
        assert missing_triggers(connection) == []
        for table, before in rows.items():
            assert len(connection.execute(f"FROM store.{table}").fetchall()) >= len(before), table
    assert ask(store.results, "SELECT trial_id, score FROM best") == best
    assert ask(store.results, "SELECT count(*) FROM trials WHERE number = 12") == [(1,)]
