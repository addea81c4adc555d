"""The copy for readers: whole, consistent, replaced under their feet without harm."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from runner.errors import StoreDamaged, StoreError, StoreNewer
from runner.store import schema
from runner.store.export import export, public_views
from runner.store.ingest import ingest
from runner.store.reader import open_snapshot, snapshot_path
from runner.store.snapshot import STORAGE_VERSION, snapshot, snapshot_if_older
from tests import make
from tests.runner.store.conftest import live


def test_it_is_a_plain_file_of_an_older_storage_version(sealed: make.Made) -> None:
    with duckdb.connect() as connection:  # any client, under any name
        connection.execute(f"ATTACH '{snapshot_path(sealed.results)}' AS anything (READ_ONLY)")
        row = connection.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'anything'").fetchone()
        assert row is not None
        assert row[0]["storage_version"].startswith(STORAGE_VERSION)
        connection.execute("USE anything")
        assert connection.execute("SELECT count(*), count(score) FROM trials").fetchone() == (12, 7)
        assert connection.execute("SELECT penalty('maximize', 0.5, 10, 20, 0.1)").fetchone() == (5.0,)
    assert stat.S_IMODE(snapshot_path(sealed.results).stat().st_mode) == 0o444


def test_comments_come_along(sealed: make.Made) -> None:
    with open_snapshot(sealed.results) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal AND schema_name = 'main'"
        ).fetchall()
    said = {(table, column): comment for table, column, comment in rows}
    for view in public_views():
        for column, comment in view.columns.items():
            assert said[view.name, column] == comment


def test_tables_views_and_macros_come_along_with_what_they_say(store: make.Made) -> None:
    snapshot(store.results)
    with live(store.results) as connection:
        here = catalog(connection)
    with open_snapshot(store.results) as connection:
        there = catalog(connection)
    # The older storage version spells this number as a cast.
    assert [(*named, text.replace("CAST(1000000.0 AS DOUBLE)", "1e6")) for *named, text in there] == here
    assert len(here) > len(public_views()) + 20
    assert {kind for kind, *_ in here} == {"macro", "table", "view"}


def catalog(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, ...]]:
    """(kind, schema, name, comment, SQL) of everything in the attached file; tables without SQL."""
    ours = "NOT internal AND database_name = current_database()"
    return connection.execute(
        f"SELECT 'table', schema_name, table_name, comment, '' FROM duckdb_tables() WHERE {ours} "
        f"UNION ALL SELECT 'view', schema_name, view_name, comment, sql FROM duckdb_views() WHERE {ours} "
        "UNION ALL SELECT 'macro', schema_name, function_name, comment, macro_definition "
        f"FROM duckdb_functions() WHERE {ours} ORDER BY ALL"
    ).fetchall()


def test_a_reader_keeps_its_snapshot_while_the_writer_goes_on(store: make.Made) -> None:
    count = "SELECT count(*) FROM attempts"
    with open_snapshot(store.results) as old:
        before = old.execute(count).fetchone()
        make.seal_one(store.results, make.attempt(store.campaign, 12, values={"threads": 3}, n=200))
        assert ingest(store.results).new == 1
        snapshot(store.results)
        assert old.execute(count).fetchone() == before
        with open_snapshot(store.results) as new:
            after = new.execute(count).fetchone()
    assert before is not None
    assert after == (before[0] + 1,)


def test_it_is_readable_while_the_writer_holds_the_store(store: make.Made) -> None:
    code = "import sys; from pathlib import Path; from runner.store.reader import open_snapshot\n"
    code += "print(open_snapshot(Path(sys.argv[1])).execute('SELECT count(*) FROM trials').fetchone()[0])"
    with live(store.results) as connection:
        connection.begin()
        connection.execute("INSERT INTO store.retraction VALUES ('r', 'a', '', '', now()::TIMESTAMP)")
        done = subprocess.run(
            [sys.executable, "-c", code, str(store.results)], capture_output=True, text=True, check=False,
            cwd=Path(__file__).parents[3],
        )  # fmt: skip
        connection.rollback()
    assert done.stdout == "12\n", done.stderr


def test_it_is_published_at_most_every_so_often(store: make.Made) -> None:
    assert snapshot_if_older(store.results, 3600) is False
    assert snapshot_if_older(store.results, 0) is True
    snapshot_path(store.results).unlink()
    assert snapshot_if_older(store.results, 3600) is True


def test_without_a_store_there_is_nothing_to_copy_or_to_read(results: Path) -> None:
    for action in (snapshot, open_snapshot):
        with pytest.raises(StoreError) as caught:
            action(results)
        assert caught.value.hint
    assert not results.exists()


def test_a_snapshot_of_a_newer_tunebook_is_refused(store: make.Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SCHEMA_VERSION", 0)
    with pytest.raises(StoreNewer, match=r"schema version \d"):
        open_snapshot(store.results)


def test_what_is_no_snapshot_is_said_to_be_none(store: make.Made) -> None:
    snapshot_path(store.results).unlink()
    snapshot_path(store.results).write_bytes(b"nothing" * 5000)
    with pytest.raises(StoreDamaged, match=r"snapshot\.duckdb"):
        open_snapshot(store.results)
    snapshot_path(store.results).unlink()
    with duckdb.connect(snapshot_path(store.results)) as connection:
        connection.execute("CREATE TABLE t (a INT)")
    with pytest.raises(StoreDamaged, match="is not a snapshot"):
        open_snapshot(store.results)


def test_an_open_reader_reaches_no_other_file(sealed: make.Made, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with open_snapshot(sealed.results) as connection:
        for statement in (
            f"FROM '{secret}'",
            f"FROM read_text('{secret}')",
            f"ATTACH '{tmp_path}/other.duckdb'",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            "FROM requests('../../../../../etc/x')",
        ):
            with pytest.raises(duckdb.PermissionException):
                connection.execute(statement)
        with pytest.raises(duckdb.InvalidInputException):
            connection.execute("SET enable_external_access = true")
        with pytest.raises(duckdb.InvalidInputException, match="read-only"):
            connection.execute("DELETE FROM store.attempt")
    with open_snapshot(sealed.results, confined=False) as connection:
        assert connection.execute(f"FROM '{secret}'").fetchall() == [(1,)]


def test_export_writes_every_view_three_times(sealed: make.Made, tmp_path: Path) -> None:
    written = export(sealed.results, tmp_path / "data")
    names = {view.name for view in public_views()}
    assert {path.name for path in written} == {f"{n}.{s}" for n in names for s in ("csv", "parquet")} | {
        "tunebook.duckdb"
    }
    assert {path.name for path in (tmp_path / "data").iterdir()} == {path.name for path in written}
    with duckdb.connect() as connection, open_snapshot(sealed.results) as snap:
        connection.execute(f"ATTACH '{tmp_path}/data/tunebook.duckdb' AS exported (READ_ONLY)")
        row = connection.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'exported'").fetchone()
        assert row is not None
        assert row[0]["storage_version"].startswith("v1.4.0")
        for name in names:
            expected = snap.execute(f"SELECT count(*) FROM {name}").fetchone()
            for source in (
                f"'{tmp_path}/data/{name}.csv'",
                f"'{tmp_path}/data/{name}.parquet'",
                f"exported.main.{name}",
            ):
                assert connection.execute(f"SELECT count(*) FROM {source}").fetchone() == expected, source
        types = connection.execute("SELECT DISTINCT data_type FROM duckdb_columns() WHERE database_name = 'exported'")
        assert ("VARIANT",) not in types.fetchall()


def test_export_twice_gives_the_same_bytes(sealed: make.Made, tmp_path: Path) -> None:
    first, second = (export(sealed.results, tmp_path / name) for name in ("a", "b"))
    for one, two in zip(first, second, strict=True):
        if one.suffix != ".duckdb":
            assert one.read_bytes() == two.read_bytes(), one.name
    again = export(sealed.results, tmp_path / "a")  # over what stands there
    assert again == first
