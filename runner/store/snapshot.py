"""The read-only copy for everybody else: consistent, complete, replaced by one rename."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import StoreError, StoreLocked
from runner.store import schema
from runner.store._live import (
    BLOCK_SIZE,
    literal,
    live_path,
    open_live,
    remove_database,
    require_complete,
    store_lock,
    wal_of,
)
from runner.store.reader import snapshot_path
from runner.store.record import fsync
from runner.util.files import disk_errors

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

STORAGE_VERSION = "v1.5.0"
"""Older DuckDB clients read this. Triggers need 2.0, so a snapshot has none: it is read-only by its file mode."""


def snapshot(results: Path) -> Path:
    """Publish snapshot.duckdb from the live file. Called after ingest (at most once a minute) and at the end of a run.

    A reader of the old snapshot keeps it until it closes. Raises StoreError when there is no store, StoreLocked when
    another program holds it, NoSpace.
    """
    if not live_path(results).exists():
        raise StoreError(f"no store in {results}", hint="run a campaign, or `tunebook store ingest`")
    unfinished = results / ".snapshot.duckdb.tmp"
    with store_lock(results), disk_errors(results):
        remove_database(unfinished)
        try:
            with open_live(results) as connection:
                schema.prepare(connection)
                copy_to(connection, unfinished, STORAGE_VERSION)
            require_complete(unfinished)
            unfinished.chmod(0o444)
            os.utime(unfinished)  # closing the live file may have written to it: not newer than this copy of it
            fsync(unfinished)
            unfinished.replace(snapshot_path(results))
            fsync(results)
        finally:
            remove_database(unfinished)
    return snapshot_path(results)


def snapshot_if_older(results: Path, seconds: float = 60.0) -> bool:
    """Publish one when the last is older than `seconds`, or none stands; False when not, or when the store is held
    by another program (the next one will do)."""
    path = snapshot_path(results)
    if path.exists() and time.time() - path.stat().st_mtime < seconds:
        return False
    try:
        snapshot(results)
    except StoreLocked:
        return False
    return True


def snapshot_is_behind(results: Path) -> bool:
    """Whether the live file was written after the snapshot was published, or no snapshot stands. Without opening
    either, so also while another program holds the store."""
    published = snapshot_path(results)
    if not published.exists():
        return live_path(results).exists()
    files = (path for path in (live_path(results), wal_of(live_path(results))) if path.exists())
    return any(path.stat().st_mtime_ns > published.stat().st_mtime_ns for path in files)


def copy_to(connection: DuckDBPyConnection, target: Path, storage_version: str) -> None:
    """Copy everything to a new file through the connection itself, views and macros with their comments included."""
    source = connection.execute("SELECT current_database()").fetchone()
    assert source is not None
    connection.execute(
        f"ATTACH {literal(target)} AS copied (STORAGE_VERSION '{storage_version}', BLOCK_SIZE {BLOCK_SIZE})"
    )
    try:
        connection.execute(f'COPY FROM DATABASE "{source[0]}" TO copied')
    finally:
        connection.execute("DETACH copied")
