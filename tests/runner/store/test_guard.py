"""Append-only: every guarded table refuses every way to change a row."""

from __future__ import annotations

import duckdb
import pytest

from runner.store import schema
from runner.store.ingest import ingest
from runner.store.snapshot import copy_to
from runner.store.verify import verify
from tests import make
from tests.runner.store.conftest import live

TABLES = [item.name for item in schema.described() if item.kind == "table" and "._" not in item.name]


def test_all_tables_are_listed() -> None:
    assert len(TABLES) == 27
    assert "store.score" in TABLES


def test_no_table_lets_a_row_be_changed(store: make.Made) -> None:
    with live(store.results) as connection:
        for table in TABLES:
            column = connection.execute(f"DESCRIBE {table}").fetchall()[0][0]
            for statement in (
                f"UPDATE {table} SET {column} = {column}",
                f"UPDATE {table} SET {column} = {column} WHERE false",
                f"DELETE FROM {table}",
                f"DELETE FROM {table} WHERE false",
                f"TRUNCATE {table}",
            ):
                with pytest.raises(duckdb.ConstraintException, match=f"append-only: .* {table}"):
                    connection.execute(statement)
            for statement in (
                f"INSERT OR REPLACE INTO {table} FROM {table}",
                f"INSERT INTO {table} FROM {table} ON CONFLICT DO NOTHING",
                f"MERGE INTO {table} USING {table} s ON false WHEN NOT MATCHED THEN INSERT",
                f"ALTER TABLE {table} RENAME TO other",
            ):
                with pytest.raises(duckdb.Error):
                    connection.execute(statement)
        for table in TABLES:
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() is not None


def test_a_missing_trigger_is_found_and_comes_back(store: make.Made) -> None:
    with live(store.results) as connection:
        connection.execute("DROP TRIGGER score_no_update ON store.score")
    (finding,) = verify(store.results).findings
    assert (finding.kind, "score_no_update" in finding.what) == ("trigger", True)
    (warning,) = ingest(store.results).warnings
    assert "score_no_update" in warning
    assert verify(store.results).findings == ()
    with live(store.results) as connection, pytest.raises(duckdb.ConstraintException):
        connection.execute("UPDATE store.score SET severity = 0")


def test_a_copy_by_duckdb_loses_its_guards_and_gets_them_back(store: make.Made) -> None:
    copy = store.results / "copy.duckdb"
    with live(store.results) as connection:
        copy_to(connection, copy, "v2.0.0")
    copy.replace(store.results / "store.duckdb")
    assert len(verify(store.results).findings) == 2 * len(TABLES)
    assert len(ingest(store.results).warnings) == 2 * len(TABLES)
    assert verify(store.results).findings == ()
