"""Rows of a store file that stands in for record folders: the new records of it, table by table, in one transaction.

The file lies in a sealed merge record, so a rebuild takes the same rows in again. What it holds is asked by attaching
it; a file of an older schema is brought up to date on a copy first.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.domain.records import RecordKind
from runner.errors import StoreDamaged, StoreError, StoreLocked, StoreNewer
from runner.store import schema
from runner.store._live import literal, remove_database, translated, wal_of
from runner.store.migrations import MIGRATIONS
from runner.store.superseded import STORE_FILE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FILE = STORE_FILE
SCRATCH = ".merged.duckdb.tmp"

_OF_ATTEMPT = (
    "attempt", "attempt_phase", "level", "level_metric", "latency_histogram", "level_error", "gpu_sample", "quality",
)  # fmt: skip
OF_RECORD: dict[str, tuple[RecordKind, str]] = {
    "run": (RecordKind.RUN_START, "run_id"),
    "model": (RecordKind.RUN_START, "run_id"),
    "run_end": (RecordKind.RUN_END, "record_id"),
    **dict.fromkeys(_OF_ATTEMPT, (RecordKind.ATTEMPT, "attempt_id")),
    "rejection": (RecordKind.REJECTION, "rejection_id"),
    "comparison": (RecordKind.COMPARISON, "comparison_id"),
    "rules": (RecordKind.RULES, "record_id"),
    "retraction": (RecordKind.RETRACTION, "retraction_id"),
    "merge": (RecordKind.MERGE, "merge_id"),
    "merged": (RecordKind.MERGE, "merge_id"),
    **dict.fromkeys(("foreign_result", "foreign_level", "foreign_metric"), (RecordKind.FOREIGN, "foreign_id")),
}
"""Table -> the kind of record that its rows come from, and the column that holds the record's id."""
_RUNS = "FROM came.store.run SEMI JOIN fresh ON kind = 'run_start' AND record_id = run_id"
_ATTEMPTS = "FROM came.store.attempt SEMI JOIN fresh ON kind = 'attempt' AND record_id = attempt_id"
SHARED = {
    "campaign": ("campaign_id, file_id", f"campaign_id IN (SELECT campaign_id {_RUNS})"),
    "host": ("host_id", f"host_id IN (SELECT host_id {_RUNS} UNION ALL SELECT host_id {_ATTEMPTS})"),
}
"""Table whose rows several records may bring -> its key, and which rows new records need."""
JUDGED = {"score": "rules_id", "objective": "rules_id, number", "slo_verdict": "rules_id, position, slo"}
"""Table of judgements -> its key beside attempt_id. An attempt that has no record here can not be judged here."""


@dataclass(frozen=True, slots=True)
class StoreFile:
    """What a store or snapshot has. `records`: folder name -> sha256 of the manifest; `lineages`: search key -> name
    of its campaign."""

    version: int
    records: dict[str, str]
    lineages: dict[str, str]


def read_store_file(path: Path, copy: Path | None = None) -> StoreFile:
    """Look into the file, and copy it while nobody can write to it. Raises StoreLocked, StoreNewer, StoreDamaged when
    it is no store, StoreError when rows of it lie in a write-ahead log, OSError."""
    import duckdb

    with duckdb.connect(config={"threads": 2}) as connection:
        _attach(connection, path)
        if wal_of(path).exists():
            raise StoreError(
                f"{path} has a write-ahead log beside it: a process works on it, or was killed",
                hint="name its snapshot.duckdb, or run `tunebook store ingest` there first",
            )
        try:
            version = _version(connection, path)
            records = connection.execute("SELECT kind, record_id, sha256 FROM came.store.record ORDER BY ALL")
            known = {f"{kind}-{record_id}": str(sha256) for kind, record_id, sha256 in records.fetchall()}
            keys = connection.execute("SELECT search_key, min(name) FROM came.store.run GROUP BY 1 ORDER BY 1")
            found = StoreFile(version, known, {str(key): str(name) for key, name in keys.fetchall()})
        except duckdb.Error as error:
            raise _no_store(path, str(error).splitlines()[0][:200]) from error
        if copy is not None:
            remove_database(copy)
            shutil.copyfile(path, copy)  # the file is attached for reading: no process of DuckDB writes to it
    return found


@contextmanager
def store_file(connection: DuckDBPyConnection, path: Path, scratch: Path) -> Iterator[None]:
    """The file as `came` on the connection, in today's schema. Raises as `read_store_file`."""
    try:
        version = read_store_file(path).version
        if version < schema.SCHEMA_VERSION:
            _migrate(path, scratch, version)
        _attach(connection, scratch if version < schema.SCHEMA_VERSION else path)
        try:
            yield
        finally:
            connection.execute("DETACH came")
    finally:
        remove_database(scratch)


def insert_merged(connection: DuckDBPyConnection) -> list[str]:
    """Insert what `came` has of records that are not in the store, in the caller's transaction. Returns the names of
    those that are in the store with other content: nothing of them is taken. Raises ConstraintException."""
    forked = connection.execute(
        "SELECT kind || '-' || record_id FROM came.store.record c JOIN store.record r USING (kind, record_id) "
        "WHERE c.sha256 <> r.sha256 ORDER BY 1"
    ).fetchall()
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE fresh AS SELECT kind, record_id FROM came.store.record "
        "ANTI JOIN store.record USING (kind, record_id)"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE agreed AS SELECT c.record_id AS attempt_id FROM came.store.record c "
        "LEFT JOIN store.record r USING (kind, record_id) "
        "WHERE c.kind = 'attempt' AND (r.sha256 IS NULL OR r.sha256 = c.sha256)"
    )
    for table, (key, needed) in SHARED.items():
        connection.execute(
            f"INSERT INTO store.{table} BY NAME FROM (FROM came.store.{table} WHERE {needed}) "
            f"ANTI JOIN store.{table} USING ({key}) ORDER BY {key}"
        )
    for table, (kind, column) in OF_RECORD.items():
        connection.execute(
            f"INSERT INTO store.{table} BY NAME FROM came.store.{table} t "
            f"SEMI JOIN fresh f ON f.kind = '{kind}' AND f.record_id = t.{column} ORDER BY t.{column}"
        )
    for table, key in JUDGED.items():
        connection.execute(
            f"INSERT INTO store.{table} BY NAME FROM came.store.{table} SEMI JOIN agreed USING (attempt_id) "
            f"ANTI JOIN store.{table} USING (attempt_id, {key}) ORDER BY attempt_id"
        )
    connection.execute(
        "INSERT INTO store.record BY NAME SELECT kind, record_id, sha256, "
        "concat('records/', kind, '-', record_id) AS path, now() AT TIME ZONE 'UTC' AS ingested_utc "
        "FROM came.store.record SEMI JOIN fresh USING (kind, record_id) ORDER BY kind, record_id"
    )
    return [str(row[0]) for row in forked]


def _attach(connection: DuckDBPyConnection, path: Path) -> None:
    import duckdb

    try:
        connection.execute(f"ATTACH {literal(path)} AS came (READ_ONLY)")
    except duckdb.Error as error:
        known = translated(error, path)
        if isinstance(known, StoreLocked):
            raise StoreLocked(
                f"{known.what}, so it can not be merged", hint="name its snapshot.duckdb, which is always readable"
            ) from error
        if isinstance(known, StoreNewer):
            raise StoreNewer(known.what, hint="upgrade duckdb, or merge the record folders of that store") from error
        raise _no_store(path, str(error).splitlines()[0][:200]) from error


def _version(connection: DuckDBPyConnection, path: Path) -> int:
    """Its schema. Every table is one of rows: a view could read what it likes."""
    found = {
        row[0]
        for row in connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'came' AND schema_name = 'store'"
        ).fetchall()
    }
    if "schema_migration" not in found:
        raise _no_store(path, "it has no schema `store`")
    row = connection.execute("SELECT max(version) FROM came.store.schema_migration").fetchone()
    version = int(row[0]) if row and row[0] is not None else 0
    if version > schema.SCHEMA_VERSION:
        raise StoreNewer(
            f"{path} has schema version {version}; this tunebook knows up to {schema.SCHEMA_VERSION}",
            hint="merge with the newer tunebook that wrote it",
        )
    needed = {"record", "campaign", "host", *OF_RECORD, *JUDGED} - schema.tables_after(version)
    if version < 1 or not found >= needed:
        raise _no_store(path, f"it has no table store.{min(needed - found, default='schema_migration')}")
    return version


def _migrate(path: Path, scratch: Path, version: int) -> None:
    import duckdb

    remove_database(scratch)
    shutil.copyfile(path, scratch)
    try:
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {literal(scratch)} AS older; USE older")
            for number in range(version + 1, schema.SCHEMA_VERSION + 1):
                connection.execute(MIGRATIONS[number])
    except duckdb.Error as error:
        raise _no_store(path, str(error).splitlines()[0][:200]) from error


def _no_store(path: Path, why: str) -> StoreDamaged:
    return StoreDamaged(
        f"{path} is no store that can be merged: {why}",
        hint="name a results folder, a folder of records, a store.duckdb or a snapshot.duckdb; what a site offers for "
        "download has no records",
    )
