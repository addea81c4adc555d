"""A new store from the sealed records: the heavy migration, and the cure for every damage of store.duckdb."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import StoreDamaged, StoreError, StoreNewer
from runner.store import schema
from runner.store._live import live_path, open_live, remove_database, require_complete, store_lock, wal_of
from runner.store.ingest import Ingested, ingest_into, without_record
from runner.store.record import fsync, record_folders
from runner.util.files import disk_errors

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

UNSTABLE = {"ingested_utc", "applied_utc"}
"""Columns that say when a row was written, not what was measured."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`old` is where the replaced file was kept, None when there was none."""

    ingested: Ingested
    old: Path | None


def rebuild(results: Path, *, drop_missing: bool = False) -> Rebuilt:
    """Make store.duckdb anew from the records and keep the old file beside it as `store.duckdb.old`.

    The live file is replaced by one rename, after the new one is complete on disk. Raises StoreLocked when another
    process works on the store, NoSpace, Unwritable. The old file may be damaged or of any
    version: only its list of records is read, where it can be. Raises StoreError when records of that list are gone,
    because their rows would be gone too, unless `drop_missing`.
    """
    live, unfinished = live_path(results), results / ".store.duckdb.rebuilt"
    old = results / "store.duckdb.old"
    if not record_folders(results) and not live.exists():
        raise StoreError(
            f"no sealed records in {results}", hint="run a campaign, or name another folder with --results DIR"
        )
    with store_lock(results), disk_errors(results):
        if live.exists() and not drop_missing:
            _refuse_to_lose(results)
        remove_database(unfinished)
        try:
            with open_live(results, path=unfinished) as connection:
                schema.create(connection)
                done = ingest_into(connection, results)
            require_complete(unfinished)
            fsync(unfinished)
            replaced = live.exists()
            if replaced:
                remove_database(old)
                live.rename(old)
                if wal_of(live).exists():  # belongs to the old file; left behind, the new one might replay it
                    wal_of(live).rename(wal_of(old))
            unfinished.rename(live)
            fsync(results)
        finally:
            remove_database(unfinished)
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


def _refuse_to_lose(results: Path) -> None:
    """Raises StoreError when records that the old store took in are gone; StoreLocked when another program holds it
    (it would go on writing into the replaced file)."""
    import duckdb

    sealed = {path.name for path in record_folders(results)}
    try:
        with open_live(results) as connection:
            taken = {f"{k}-{i}" for k, i in connection.execute("SELECT kind, record_id FROM store.record").fetchall()}
            taken -= without_record(connection, results)
    except (StoreDamaged, StoreNewer, duckdb.Error):
        return  # that is why it is rebuilt
    gone = sorted(taken - sealed)
    if gone:
        raise StoreError(
            f"{len(gone)} records of the store are gone ({gone[0]}{', ...' if len(gone) > 1 else ''}): a rebuild would "
            "lose their rows",
            hint="restore the folders from a backup, or give --drop-missing; `tunebook store verify` lists them",
        )
