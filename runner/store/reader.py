"""Reading the snapshot: what the report and `tunebook sql` open. Nobody but the store opens the live file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import StoreDamaged, StoreError, StoreNewer
from runner.store import schema
from runner.store._live import literal, translated

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def snapshot_path(results: Path) -> Path:
    return results / "snapshot.duckdb"


def snapshot_age(results: Path) -> float:
    """Seconds since the snapshot was published."""
    return max(0.0, time.time() - snapshot_path(results).stat().st_mtime)


def open_snapshot(
    results: Path,
    *,
    confined: bool = True,
    writable: Path | None = None,
    archived: Mapping[str, Path] | None = None,
) -> DuckDBPyConnection:
    """A read-only connection to the snapshot; the caller closes it. The variable `tunebook_results` is set, so that
    `requests('<attempt_id>')` works; `archived` says where the request rows of other attempts lie. `confined`: a
    statement reaches no file but the records, those, and `writable`, and can not change settings.

    Attached to an instance of its own: DuckDB would hand out the instance of an older snapshot while one is open.

    Raises StoreError when there is none, StoreNewer when a newer tunebook wrote it, StoreDamaged.
    """
    import duckdb

    path = snapshot_path(results)
    if not path.exists():
        raise StoreError(
            f"no snapshot of a store in {results}",
            hint="run a campaign first (`tunebook run campaigns/quickstart.yaml`), or name another folder "
            "with --results DIR",
        )
    connection = duckdb.connect()
    try:
        connection.execute(f"ATTACH {literal(path)} AS snapshot (READ_ONLY)")
        connection.execute("USE snapshot")
    except duckdb.Error as error:
        connection.close()
        raise translated(error, path) from error
    try:
        _require_known(connection, path)
        _redirect(connection, archived or {})
        _confine(
            connection, results.resolve(), confined, [*(archived or {}).values(), *([writable] if writable else [])]
        )
    except BaseException:
        connection.close()
        raise
    return connection


PUBLISHED = ("campaigns", "runs", "rules", "trials", "attempts", "retractions")
"""What must stand in a file that `open_published` takes."""


def open_published(path: Path) -> DuckDBPyConnection:
    """A read-only connection to a snapshot that may come from anywhere: `snapshot.duckdb` of a results folder, or the
    `results.duckdb` that a site offers for download. The caller closes it.

    A statement reaches no other file and no network, whatever views the file holds. Raises StoreError when there is
    no such file, StoreNewer, StoreDamaged when it is no snapshot.
    """
    import duckdb

    if not path.is_file():
        raise StoreError(f"no snapshot at {path}", hint="name a snapshot.duckdb, or the results.duckdb of a site")
    connection = duckdb.connect(config={"threads": 2})
    try:
        connection.execute(f"ATTACH {literal(path)} AS snapshot (READ_ONLY)")
        connection.execute("USE snapshot")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        found = {row[0] for row in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    except duckdb.Error as error:
        connection.close()
        known = translated(error, path)
        if isinstance(known, StoreDamaged):
            raise _no_snapshot(path) from error
        raise known from error
    try:
        if "schema_migration" in found:
            _require_known(connection, path)
        if not found.issuperset(PUBLISHED):
            raise _no_snapshot(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _no_snapshot(path: Path) -> StoreDamaged:
    return StoreDamaged(
        f"{path.name} is no snapshot that this tunebook can read",
        hint="name a snapshot.duckdb, or the results.duckdb of a site that a tunebook of this version built",
    )


def _require_known(connection: DuckDBPyConnection, path: Path) -> None:
    import duckdb

    try:
        found, _ = schema.current_version(connection)
    except duckdb.CatalogException as error:
        raise StoreDamaged(f"{path} is not a snapshot of a store", hint="run `tunebook store snapshot`") from error
    if found > schema.SCHEMA_VERSION:
        raise StoreNewer(
            f"{path.name} has schema version {found}; this tunebook knows up to {schema.SCHEMA_VERSION}",
            hint="use the newer tunebook that wrote it; or run `tunebook store rebuild`, which makes the store anew",
        )


def require_current(connection: DuckDBPyConnection) -> None:
    """For whoever reads columns that an older tunebook did not have. Raises StoreError."""
    found, _ = schema.current_version(connection)
    if found < schema.SCHEMA_VERSION:
        raise StoreError(
            f"the snapshot was made by an older tunebook: schema version {found}, now {schema.SCHEMA_VERSION}",
            hint="run `tunebook store snapshot`, then again",
        )


def _redirect(connection: DuckDBPyConnection, archived: Mapping[str, Path]) -> None:
    """Another `requests` of this connection alone: what the snapshot holds knows only the records."""
    if archived:
        there = " ".join(f"WHEN '{attempt}' THEN {literal(path.resolve())}" for attempt, path in archived.items())
        connection.execute(
            f"CREATE TEMP MACRO requests(attempt) AS TABLE SELECT * FROM read_parquet(CASE attempt {there} "
            "ELSE getvariable('tunebook_results') || '/records/attempt-' || attempt || '/requests.parquet' END)"
        )


def _confine(connection: DuckDBPyConnection, results: Path, confined: bool, allowed: Sequence[Path]) -> None:
    connection.execute(f"SET VARIABLE tunebook_results = {literal(results)}")
    if confined:
        if allowed:
            paths = ", ".join(literal(path.resolve()) for path in allowed)
            connection.execute(f"SET allowed_paths = [{paths}]")
        connection.execute(f"SET allowed_directories = [{literal(results / 'records')} || '/']")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
