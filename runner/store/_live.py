"""The live file, `store.duckdb`: opened only here, only under `store.lock`, only through DuckDB.

Never open, copy or hash that file from Python while it is connected: closing any other descriptor of it silently
drops DuckDB's own lock (POSIX record locks belong to the process), and another process may then lose our rows.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import NoSpace, StoreDamaged, StoreLocked, StoreNewer
from runner.util.files import FULL, REFUSED, disk_errors

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FOREIGN_WAIT_SECONDS = 1.0
"""How long to try again while another program holds the file: a shell keeps it for hours, a command for moments."""
BLOCK_SIZE = 16384
"""Bytes, instead of 256 KiB: a table with few rows takes a block per column."""


def live_path(results: Path) -> Path:
    return results / "store.duckdb"


def remove_database(path: Path) -> None:
    """Remove a database with its write-ahead log: a log left behind could be replayed into the next file."""
    path.unlink(missing_ok=True)
    wal_of(path).unlink(missing_ok=True)


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def require_complete(path: Path) -> None:
    """A new database that was closed is complete when no write-ahead log is left. Raises NoSpace: what else keeps
    DuckDB from writing its last blocks is told as an error before this."""
    if wal_of(path).exists():
        raise NoSpace(
            f"{path.name} could not be completed",
            hint="free some space and run the command again; the sealed records are whole",
        )


def lock_wait() -> float:
    """Seconds to wait for store.lock: environment TUNEBOOK_LOCK_WAIT, default 30."""
    try:
        return max(0.0, float(os.environ.get("TUNEBOOK_LOCK_WAIT", "30")))
    except ValueError:
        return 30.0


@contextlib.contextmanager
def store_lock(results: Path) -> Iterator[None]:
    """Hold `store.lock`; the kernel frees it when the process dies. Raises StoreLocked after `lock_wait()` seconds.

    A side file, because DuckDB's own lock knows no waiting. O_CLOEXEC: an engine that is started under the lock must
    not inherit it.
    """
    with disk_errors(results):
        results.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(results / "store.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        end = time.monotonic() + lock_wait()
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise StoreLocked(
                        f"another tunebook process works on the store in {results}",
                        hint="wait for it and run the command again; TUNEBOOK_LOCK_WAIT sets the seconds to wait",
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def open_live(results: Path, *, path: Path | None = None) -> Iterator[DuckDBPyConnection]:
    """Connect to the live file (or to a new one at `path` that will replace it). The caller holds `store_lock`.

    Raises StoreLocked when another program holds the file, StoreDamaged, StoreNewer, NoSpace, Unwritable.
    """
    import duckdb

    path = path or live_path(results)
    with disk_errors(results):
        connection = connect_live(path)
        try:
            yield connection
        finally:
            with contextlib.suppress(duckdb.FatalException):  # after a full disk: what was committed stands
                connection.close()


def literal(path: Path) -> str:
    """A path as a SQL string."""
    return "'" + str(path).replace("'", "''") + "'"


def connect_live(path: Path) -> DuckDBPyConnection:
    """Attached as `live`: opened directly, the catalog would be called `store` like the schema, and every
    `store.table` would be ambiguous."""
    import duckdb

    end = time.monotonic() + min(FOREIGN_WAIT_SECONDS, lock_wait())
    while True:
        connection = duckdb.connect(config={"threads": 2})
        try:
            connection.execute(
                f"ATTACH {literal(path)} AS live" + ("" if path.exists() else f" (BLOCK_SIZE {BLOCK_SIZE})")
            )
            connection.execute("USE live")
            return connection
        except duckdb.Error as error:
            connection.close()
            if "Could not set lock" in str(error) and time.monotonic() < end:
                time.sleep(0.05)
                continue
            raise translated(error, path) from error


def translated(error: Exception, path: Path) -> Exception:
    """Our error for what DuckDB says when a store file can not be opened."""
    text = str(error)
    first = text.splitlines()[0][:300]
    if "Could not set lock" in text:
        holder = re.search(r"held in (.+?) \(PID (\d+)\)", text)
        who = f" ({Path(holder[1]).name}, process {holder[2]})" if holder else ""
        return StoreLocked(
            f"another program holds {path.name}{who}",
            hint="close it, then run `tunebook store ingest`; to look at results open snapshot.duckdb instead",
        )
    if "newer version" in text or "newer DuckDB" in text:
        return StoreNewer(
            f"{path.name} was written by a newer DuckDB: {first}",
            hint="upgrade duckdb, or run `tunebook store rebuild`, which makes the store anew from the records",
        )
    if "not a valid DuckDB" not in text and any(os.strerror(number) in text for number in (*FULL, *REFUSED)):
        return error  # not the file's fault: `disk_errors` knows it
    return StoreDamaged(
        f"{path.name} can not be opened: {first}",
        hint="run `tunebook store rebuild`: it makes the store anew from the sealed records and keeps the old file",
    )
