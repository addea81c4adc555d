"""A new store from the sealed records: the heavy migration, and the cure for every damage of store.duckdb."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.store import schema
from runner.store._live import live_path, open_live, store_lock
from runner.store.ingest import Ingested, ingest_into
from runner.store.record import disk_errors, fsync

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

UNSTABLE = {"ingested_utc", "applied_utc"}
"""Columns that say when a row was written, not what was measured."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`old` is where the replaced file was kept, None when there was none."""

    ingested: Ingested
    old: Path | None


def rebuild(results: Path) -> Rebuilt:
    """Make store.duckdb anew from the records and keep the old file beside it as `store.duckdb.old`.

    The live file is replaced by one rename, after the new one is complete on disk. Raises StoreLocked when another
    process works on the store, NoSpace, Unwritable. The old file may be damaged or of any version: it is not opened.
    """
    live, unfinished = live_path(results), results / ".store.duckdb.rebuilt"
    old = results / "store.duckdb.old"
    with store_lock(results), disk_errors(results):
        _remove(unfinished)
        try:
            with open_live(results, path=unfinished) as connection:
                schema.create(connection)
                done = ingest_into(connection, results)
            fsync(unfinished)
            replaced = live.exists()
            if replaced:
                _refuse_if_held(live)
                _remove(old)
                live.rename(old)
                wal = Path(f"{live}.wal")
                if wal.exists():  # belongs to the old file; left behind, it would be replayed into the new one
                    wal.rename(f"{old}.wal")
            unfinished.rename(live)
            fsync(results)
        finally:
            _remove(unfinished)
    return Rebuilt(done, old if replaced else None)


def content_hashes(connection: DuckDBPyConnection) -> dict[str, tuple[int, int]]:
    """Table -> (rows, hash over all rows, order aside): two stores of the same records have the same."""
    found: dict[str, tuple[int, int]] = {}
    for table in schema.tables(connection):
        if table == "schema_migration":
            continue
        names = [str(column[0]) for column in connection.execute(f"DESCRIBE store.{table}").fetchall()]
        kept = ", ".join(f'"{name}"::VARCHAR AS "{name}"' for name in names if name not in UNSTABLE)
        row = connection.execute(
            f"SELECT count(*), coalesce(bit_xor(hash(t)), 0) FROM (SELECT {kept} FROM store.{table}) t"
        ).fetchone()
        assert row is not None
        found[table] = (int(row[0]), int(row[1]))
    return found


def _refuse_if_held(live: Path) -> None:
    """Another program that holds the file would go on writing into the replaced one. Raises StoreLocked."""
    from runner.errors import StoreDamaged, StoreNewer
    from runner.store._live import connect_live

    try:
        connect_live(live).close()
    except (StoreDamaged, StoreNewer):
        pass  # that is why it is rebuilt


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    Path(f"{path}.wal").unlink(missing_ok=True)
