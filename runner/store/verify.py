"""Is the store whole? Every finding says what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.domain.records import RecordKind
from runner.errors import StoreDamaged, StoreNewer, TunebookError
from runner.store import schema
from runner.store._live import live_path, open_live, store_lock
from runner.store.archived import Folder, Place, key_of, read_archived
from runner.store.ingest import without_record
from runner.store.record import manifest_of, manifest_sha256, record_folders, verify_record
from runner.store.superseded import STORE_FILE, holds_rows, successor

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

REBUILD = "run `tunebook store rebuild`: it makes the store anew from the sealed records"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `kind`: record, pending, missing_record, row, trigger, table, store, archive; unreached
    is an archive that could not be looked into."""

    kind: str
    what: str
    todo: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and what was wrong with it. Pending records and archives that can not be reached are
    findings, no damage. `archived`: files of records that lie in an archive; `checked`: those that were looked at
    there."""

    records: int
    rows: int
    tables: int
    findings: tuple[Finding, ...]
    archived: int = 0
    checked: int = 0

    @property
    def damaged(self) -> bool:
        return any(finding.kind not in ("pending", "unreached") for finding in self.findings)


def verify(results: Path, reach: Callable[[str, str], Place] = Folder) -> Verified:
    """Check every file of every record against its manifest, those in an archive too, read every row of every table
    (DuckDB finds a flipped bit only when it reads the block), the triggers, and records against rows both ways.

    `reach`: the archive at an address, of a host; folders only unless told otherwise. Changes nothing. Raises
    StoreLocked when another program holds the store.
    """
    folders = record_folders(results)
    findings = [_record_finding(problem) for path in folders for problem in verify_record(path)]
    findings += _without_file(folders)
    archived, checked, wrong = _archives(folders, reach)
    seen = _rows_of_store(results, folders, [*findings, *wrong])
    return replace(seen, archived=archived, checked=checked)


def _rows_of_store(results: Path, folders: list[Path], findings: list[Finding]) -> Verified:
    if not live_path(results).exists():
        if folders:
            findings.append(
                Finding("pending", f"no store.duckdb for {len(folders)} records", "run `tunebook store ingest`")
            )
        return Verified(len(folders), 0, 0, tuple(findings))
    with store_lock(results):
        try:
            with open_live(results) as connection:
                rows, tables = _scan(connection, findings)
                findings += _triggers(connection)
                findings += _records_and_rows(connection, results, folders)
        except (StoreDamaged, StoreNewer) as error:
            findings.append(Finding("store", error.what, error.hint or REBUILD))
            rows = tables = 0
    return Verified(len(folders), rows, tables, tuple(findings))


def _without_file(folders: Sequence[Path]) -> list[Finding]:
    """Merges whose store file a later one was to stand in for, which is not here."""
    gone = [path for path in folders if successor(path) and not holds_rows(path)]
    todo = "merge that store again, or its records: a rebuild would lose the rows that came with it"
    return [
        Finding("record", f"{path.name}: its rows were to be in {successor(path)}/{STORE_FILE}, which is gone", todo)
        for path in gone
    ]


def _archives(folders: Sequence[Path], reach: Callable[[str, str], Place]) -> tuple[int, int, list[Finding]]:
    """Files that lie in archives, how many of them were looked at, and what is wrong."""
    places: dict[tuple[str, str], tuple[Place, str]] = {}
    beyond: dict[tuple[str, str], int] = {}
    wrong: list[Finding] = []
    count = 0
    for path in folders:
        try:
            archived, promised = read_archived(path), manifest_of(path)
        except (StoreDamaged, OSError, ValueError):
            continue  # verify_record has told
        for name in [name for name in archived.files if not (path / name).exists()] if archived else ():
            assert archived is not None
            count += 1
            at = (archived.archive, archived.host)
            if at not in places:
                place = reach(*at)
                places[at] = (place, place.away())
            place, why = places[at]
            if not why:
                try:
                    wrong += _archived_file(place, path.name, name, promised.get(name), archived.archive)
                    continue
                except (OSError, TunebookError) as error:
                    places[at] = (place, error.what if isinstance(error, TunebookError) else str(error))
            beyond[at] = beyond.get(at, 0) + 1
    todo = "make it reachable at that place and verify again; their hashes stand in the records"
    for at, files in beyond.items():
        wrong.append(Finding("unreached", f"{files} archived files were not checked: {places[at][1]}", todo))
    return count, count - sum(beyond.values()), wrong


def _archived_file(place: Place, record: str, name: str, promised: str | None, archive: str) -> list[Finding]:
    found = place.sha256(key_of(record, name))
    if found == promised and found is not None:
        return []
    what = "changed after it was sealed (sha256 differs)" if found else "missing"
    todo = "restore it there from a backup: only this copy has it; what the store holds is not made from it"
    return [Finding("archive", f"{record}/{name}: {what} in the archive {archive}", todo)]


def _record_finding(problem: str) -> Finding:
    return Finding(
        "record",
        problem,
        "restore the folder from a backup, or withdraw its numbers: move it out of records/ and run "
        "`tunebook store rebuild`",
    )


def _scan(connection: DuckDBPyConnection, findings: list[Finding]) -> tuple[int, int]:
    """Read every block by hashing every row."""
    import duckdb

    version, _ = schema.current_version(connection)
    if version > schema.SCHEMA_VERSION:
        what = f"schema version {version}; this tunebook knows up to {schema.SCHEMA_VERSION}"
        findings.append(Finding("store", what, f"use the newer tunebook that wrote it; or {REBUILD}"))
    elif version < schema.SCHEMA_VERSION:
        what = f"schema version {version}, now {schema.SCHEMA_VERSION}"
        findings.append(Finding("pending", what, "run `tunebook store ingest`: it migrates the store"))
    rows = 0
    tables = schema.tables(connection)
    expected = {item.name.removeprefix("store.") for item in schema.described() if item.kind == "table"} - {"_refuse"}
    expected -= schema.tables_after(version)
    findings += [Finding("table", f"table store.{name} is missing", REBUILD) for name in sorted(expected - set(tables))]
    for table in tables:
        try:
            row = connection.execute(
                f"SELECT count(*), bit_xor(hash(t)) FROM (SELECT COLUMNS(*)::VARCHAR FROM store.{table}) t"
            ).fetchone()
            rows += int(row[0]) if row else 0
        except duckdb.Error as error:
            reason = " ".join(str(error).split())[:200]
            findings.append(Finding("table", f"table store.{table} can not be read: {reason}", REBUILD))
    return rows, len(tables)


def _triggers(connection: DuckDBPyConnection) -> list[Finding]:
    return [
        Finding(
            "trigger",
            f"trigger {name} is missing: {operation} on store.{table} is not refused",
            f"rows may have been changed; {REBUILD}",
        )
        for name, table, operation in schema.missing_triggers(connection)
    ]


def _records_and_rows(connection: DuckDBPyConnection, results: Path, folders: list[Path]) -> list[Finding]:
    import duckdb

    try:
        taken = {
            (str(kind), str(record_id)): (str(sha256), str(path))
            for kind, record_id, sha256, path in connection.execute(
                "SELECT kind, record_id, sha256, path FROM store.record"
            ).fetchall()
        }
        elsewhere = without_record(connection, results)
        findings = _rows_of_attempts(connection) + _unjudged(connection, elsewhere)
    except duckdb.Error:
        return []  # the scan has told
    sealed = {(path.name.partition("-")[0], path.name.partition("-")[2]): path for path in folders}
    for key in sorted(key for key in taken.keys() - sealed.keys() if "-".join(key) not in elsewhere):
        what = f"{taken[key][1]}: its rows are in the store, its folder is gone"
        findings.append(Finding("missing_record", what, "restore the folder from a backup; a rebuild would lose it"))
    pending = sealed.keys() - taken.keys()
    if pending:
        what = f"{len(pending)} sealed records are not in the store"
        todo = "run `tunebook store ingest`: it takes them in, or says of each why not"
        findings.append(Finding("pending", what, todo))
    for key in sorted(taken.keys() & sealed.keys()):
        try:
            same = manifest_sha256(sealed[key]) == taken[key][0]
        except OSError:
            continue  # verify_record has told
        if not same:
            what = f"{sealed[key].name}: not the record that was taken in (the manifest differs)"
            findings.append(_record_finding(what))
    return findings


def _rows_of_attempts(connection: DuckDBPyConnection) -> list[Finding]:
    """A record is taken in with its rows in one transaction: one without the other was lost or deleted."""
    findings = []
    known = set(schema.tables(connection))
    for kind, table, key in (
        (RecordKind.RUN_START, "run", "run_id"),
        (RecordKind.RUN_END, "run_end", "record_id"),
        (RecordKind.ATTEMPT, "attempt", "attempt_id"),
        (RecordKind.REJECTION, "rejection", "rejection_id"),
        (RecordKind.COMPARISON, "comparison", "comparison_id"),
        (RecordKind.RULES, "rules", "record_id"),
        (RecordKind.RETRACTION, "retraction", "retraction_id"),
        (RecordKind.MERGE, "merge", "merge_id"),
        (RecordKind.FOREIGN, "foreign_result", "foreign_id"),
    ):
        if table not in known:
            continue  # of an older tunebook, or missing: the scan has told
        lost = connection.execute(
            f"SELECT record_id FROM store.record r WHERE kind = ? AND NOT EXISTS "
            f"(SELECT 1 FROM store.{table} t WHERE t.{key} = r.record_id) ORDER BY 1",
            [str(kind)],
        ).fetchall()
        findings += [Finding("row", f"{kind}-{row[0]}: taken in, but its row is gone", REBUILD) for row in lost]
        orphan = connection.execute(
            f"SELECT t.{key} FROM store.{table} t WHERE NOT EXISTS "
            f"(SELECT 1 FROM store.record r WHERE r.kind = ? AND r.record_id = t.{key}) ORDER BY 1",
            [str(kind)],
        ).fetchall()
        findings += [Finding("row", f"store.{table} {row[0]}: came from no record", REBUILD) for row in orphan]
    return findings


def _unjudged(connection: DuckDBPyConnection, elsewhere: set[str]) -> list[Finding]:
    """Attempts of merged store files under rules that those files did not know: only a record can be judged."""
    open_ = connection.execute(
        "SELECT DISTINCT attempt_id FROM store.attempt JOIN store.rules r USING (search_key) "
        "ANTI JOIN store.score s ON s.attempt_id = attempt.attempt_id AND s.rules_id = r.rules_id"
    ).fetchall()
    count = sum(f"{RecordKind.ATTEMPT}-{row[0]}" in elsewhere for row in open_)
    if not count:
        return []
    what = f"{count} attempts that came in a store file have no score under rules that came from elsewhere"
    return [Finding("pending", what, "merge the folders of their records: only those can be judged")]
