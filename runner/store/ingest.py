"""Sealed records into store.duckdb: idempotent, one short transaction per batch, never a reason for a run to fail.

A record that can not be taken in now (another program holds the file) stays pending, and the next ingest takes it.
Rows are built from the validated facts and handed to DuckDB as one JSON text per table, which it parses with the
table's own types (`from_json`): reading the files with `read_json` would need the types of six deep structures a
second time, and scoring needs the parsed facts anyway. Bulky files (gpu.parquet) go through DuckDB's own reader.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from runner.domain.foreign import ForeignFact
from runner.domain.records import (
    ComparisonFact,
    MergeFact,
    Record,
    RecordKind,
    RejectionFact,
    RetractionFact,
    RulesFact,
    RunEnd,
    RunStart,
)
from runner.domain.trial import Attempt
from runner.errors import StoreDamaged, StoreError, StoreLocked
from runner.scoring.judge import judge
from runner.scoring.rules import rules_from_plain
from runner.store import _merged, _rows, schema
from runner.store._live import live_path, open_live, remove_database, require_complete, store_lock
from runner.store.reader import open_snapshot
from runner.store.record import (
    TAKEN,
    manifest_sha256,
    read_record,
    read_taken,
    record_folders,
    record_path,
    sweep_unfinished,
    verify_record,
)
from runner.store.superseded import holds_rows
from runner.util.clock import utc_now
from runner.util.codec import from_plain

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

T = TypeVar("T")
BATCH = 50
KEYS = {
    "record": "kind, record_id", "campaign": "campaign_id, file_id", "run": "run_id", "run_end": "run_id",
    "host": "host_id", "attempt": "attempt_id", "rejection": "rejection_id", "comparison": "comparison_id",
    "rules": "record_id",
    "score": "attempt_id, rules_id", "slo_verdict": "attempt_id, rules_id, position, slo",
    "objective": "attempt_id, rules_id, number",
    "model": "run_id", "quality": "attempt_id", "retraction": "retraction_id", "merge": "merge_id",
    "foreign_result": "foreign_id",
}  # fmt: skip
"""What a row is known by. Tables that are not listed get all their rows with their attempt, in one transaction."""


TAKEN_UNFINISHED = f".{TAKEN}.tmp"
HALF_MADE = (".store.duckdb.tmp", ".store.duckdb.rebuilt", ".snapshot.duckdb.tmp", _merged.SCRATCH, TAKEN_UNFINISHED)
"""Databases in the making, and what goes into a merge record. Each is made under the lock: who has it, and makes none,
sees those of killed processes."""

REFUSED = (
    "Take it in with the tunebook that sealed it, or move the folder out of records/; `tunebook store verify` tells "
    "whether it was changed"
)


@dataclass(frozen=True, slots=True)
class Ingested:
    """`new` records were taken in, `pending` (at most) are sealed and not in. `damaged` of those were refused, each
    with a warning that says what to do: they stay out until somebody acts and keep nothing else out, so the store is
    as current as it can be when `pending == damaged`. The others wait for the next ingest."""

    new: int
    pending: int
    warnings: tuple[str, ...] = ()
    damaged: int = 0


def ingest(results: Path) -> Ingested:
    """Take every new record in and judge what has no score yet. Called after every sealed attempt, at the start and
    at the end of a run, and by `tunebook store ingest`.

    A store that is held by another program or process is no error: the records stay pending, with a warning. Raises
    StoreNewer, StoreDamaged, NoSpace, Unwritable: the records are safe in any case.
    """
    if not record_folders(results) and not live_path(results).exists():
        return Ingested(0, 0)
    try:
        with store_lock(results):
            return ingest_locked(results)
    except StoreLocked as error:
        hint = f" {error.hint[:1].upper()}{error.hint[1:]}" if error.hint else ""
        return Ingested(0, _not_in_snapshot(results), (f"{error.what}: new records stay pending.{hint}",))


def ingest_locked(results: Path) -> Ingested:
    """The work of `ingest`, under the lock. Raises StoreLocked when another program holds the file, and as `ingest`."""
    sweep_unfinished(results)
    for name in HALF_MADE:
        remove_database(results / name)
    create_if_missing(results)
    with open_live(results) as connection:
        return ingest_into(connection, results)


def _not_in_snapshot(results: Path) -> int:
    """How many records wait, at most: the live file can not be asked, the snapshot may be a minute older."""
    sealed = {_key(path) for path in record_folders(results)}
    try:
        with open_snapshot(results) as connection:
            sealed -= set(connection.execute("SELECT kind, record_id FROM store.record").fetchall())
    except StoreError:
        pass  # there is none yet
    return len(sealed)


def create_if_missing(results: Path) -> None:
    """Make an empty store under another name first, so that the live file is never half-made. Under the lock."""
    if live_path(results).exists():
        return
    unfinished = results / ".store.duckdb.tmp"
    remove_database(unfinished)
    remove_database(live_path(results))  # there is none; a write-ahead log may be left of one that was deleted
    try:
        with open_live(results, path=unfinished) as connection:
            schema.create(connection)
        require_complete(unfinished)
        unfinished.rename(live_path(results))
    finally:
        remove_database(unfinished)


def ingest_into(connection: DuckDBPyConnection, results: Path) -> Ingested:
    """The work of `ingest` on an opened store. Under the lock; `rebuild` calls it on the new file."""
    warnings = schema.prepare(connection)
    known = set(connection.execute("SELECT kind, record_id FROM store.record").fetchall())
    new = bad = 0
    waiting = sorted((p for p in record_folders(results) if _key(p) not in known), key=_has_store_file)
    for batch in _batches(waiting):
        good: list[Record] = []
        for path in batch:
            record, problem = _checked(path)
            if record is not None:
                good.append(record)
            warnings += [problem] if problem else []
        taken, problems = _take(connection, results, good)
        new, bad = new + taken, bad + len(batch) - taken
        warnings += problems
    warnings += _in_transaction(connection, lambda: _judge_missing(connection, results))
    return Ingested(new, bad, tuple(warnings), damaged=bad)


def insert_rows(connection: DuckDBPyConnection, table: str, rows: Sequence[_rows.Row]) -> None:
    """Insert what is not there yet (anti-join: a guarded table refuses ON CONFLICT). Raises ConstraintException."""
    if not rows:
        return
    # Of this table alone: duckdb_columns() reads all tables and binds all views, longer than the insert takes.
    columns = [row[:2] for row in connection.execute(f"DESCRIBE store.{table}").fetchall()]
    unknown = {name for row in rows for name in row} - {name for name, _ in columns}
    assert not unknown, f"store.{table} has no column {', '.join(sorted(unknown))}"
    structure = json.dumps([{name: _json_type(kind) for name, kind in columns}])
    variants = ", ".join(f'"{name}"::VARIANT AS "{name}"' for name, kind in columns if kind == "VARIANT")
    replace = f" REPLACE ({variants})" if variants else ""
    keys = KEYS.get(table)
    new = f" QUALIFY row_number() OVER (PARTITION BY {keys}) = 1" if keys else ""
    anti = f" ANTI JOIN store.{table} USING ({keys})" if keys else ""
    connection.execute(
        f"INSERT INTO store.{table} BY NAME SELECT *{replace} FROM ("
        f"SELECT unnest(row) FROM (SELECT unnest(from_json(?::JSON, '{structure}')) AS row)){anti}{new}",
        [json.dumps(rows, allow_nan=False)],
    )


def _json_type(kind: str) -> str:
    return "JSON" if kind == "VARIANT" else ("VARCHAR" if kind == "JSON" else kind)


def _batches(paths: Iterable[Path]) -> Iterator[list[Path]]:
    batch: list[Path] = []
    for path in paths:
        batch.append(path)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _key(path: Path) -> tuple[str, str]:
    kind, _, record_id = path.name.partition("-")
    return kind, record_id


def _checked(path: Path) -> tuple[Record | None, str | None]:
    """A record whose bytes are what was sealed, or the sentence that says what is wrong with it."""
    problems = verify_record(path)
    if problems:
        return None, f"{problems[0]}: not taken in; run `tunebook store verify`"
    try:
        return read_record(path), None
    except StoreDamaged as error:
        return None, f"{error.what}: not taken in; run `tunebook store verify`"


def _take(connection: DuckDBPyConnection, results: Path, records: list[Record]) -> tuple[int, list[str]]:
    """All records in one transaction; when one is refused, one transaction each, so that it stands alone. So does one
    that brings a store file: the rows of the record folders are here before it."""
    import duckdb

    if not records:
        return 0, []
    if len(records) == 1 and _has_store_file(Path(records[0].path)):
        return _take_file(connection, results, records[0])
    if files := [record for record in records if _has_store_file(Path(record.path))]:
        plain = [record for record in records if record not in files]
        outcomes = [_take(connection, results, plain), *(_take(connection, results, [one]) for one in files)]
        return sum(taken for taken, _ in outcomes), [warning for _, said in outcomes for warning in said]
    try:
        _in_transaction(connection, lambda: _insert(connection, results, records))
        return len(records), []
    except (ValueError, duckdb.ConstraintException, duckdb.ConversionException) as error:
        if len(records) == 1:
            reason = " ".join(str(error).split())[:300]
            return 0, [f"record {Path(records[0].path).name} was refused: {reason}. {REFUSED}"]
    outcomes = [_take(connection, results, [record]) for record in records]
    return sum(taken for taken, _ in outcomes), [warning for _, said in outcomes for warning in said]


def _take_file(connection: DuckDBPyConnection, results: Path, record: Record) -> tuple[int, list[str]]:
    """A merge record with the rows of the store file in it."""
    import duckdb

    def work() -> list[str]:
        _insert(connection, results, [record])
        return _merged.insert_merged(connection)

    name = Path(record.path).name
    try:
        with _merged.store_file(connection, Path(record.path) / _merged.FILE, results / _merged.SCRATCH):
            forked = _in_transaction(connection, work)
    except (
        ValueError, StoreError, duckdb.ConstraintException, duckdb.ConversionException, duckdb.BinderException
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:300]
        return 0, [f"record {name} was refused: {reason}. {REFUSED}"]
    return 1, [f"{one} is another record in {name}/{_merged.FILE} than the one here: left out" for one in forked]


def _has_store_file(path: Path) -> bool:
    return path.name.startswith(f"{RecordKind.MERGE}-") and (path / _merged.FILE).exists()


def _in_transaction(connection: DuckDBPyConnection, work: Callable[[], T]) -> T:
    connection.begin()
    try:
        done = work()
        connection.commit()
        return done
    except BaseException:
        _rollback(connection)
        raise


def _rollback(connection: DuckDBPyConnection) -> None:
    import duckdb

    try:
        connection.rollback()
    except duckdb.Error:  # a failed commit has ended the transaction; a full disk has ended the connection
        pass


def _insert(connection: DuckDBPyConnection, results: Path, records: list[Record]) -> None:
    gathered: _rows.Rows = {}
    for record in records:
        path = Path(record.path)
        rows = rows_of(record)
        rows["record"] = [
            {
                "kind": record.kind,
                "record_id": record.record_id,
                "sha256": manifest_sha256(path),
                "path": str(path.relative_to(results)),
                "ingested_utc": utc_now(),
            }
        ]
        for table, more in rows.items():
            gathered.setdefault(table, []).extend(more)
    for table, rows_ in gathered.items():
        insert_rows(connection, table, rows_)
    for record in records:
        samples = Path(record.path) / "gpu.parquet"
        if record.kind is RecordKind.ATTEMPT and samples.exists():
            connection.execute(
                "INSERT INTO store.gpu_sample BY NAME SELECT ? AS attempt_id, * FROM read_parquet(?)",
                [record.record_id, str(samples)],
            )


def rows_of(record: Record) -> _rows.Rows:
    """Rows of one record. Raises ValueError (pydantic's included) when its facts are not of this version."""
    facts = record.facts
    match record.kind:
        case RecordKind.RUN_START:
            return _rows.run_start_rows(from_plain(RunStart, facts))
        case RecordKind.RUN_END:
            return _rows.run_end_rows(from_plain(RunEnd, facts), record.record_id)
        case RecordKind.ATTEMPT:
            return _rows.attempt_rows(from_plain(Attempt, facts))
        case RecordKind.REJECTION:
            return _rows.rejection_rows(from_plain(RejectionFact, facts))
        case RecordKind.COMPARISON:
            return _rows.comparison_rows(from_plain(ComparisonFact, facts))
        case RecordKind.RULES:
            return _rows.rules_rows(from_plain(RulesFact, facts), record.record_id)
        case RecordKind.RETRACTION:
            return _rows.retraction_rows(from_plain(RetractionFact, facts))
        case RecordKind.MERGE:
            return _rows.merge_rows(from_plain(MergeFact, facts), read_taken(Path(record.path)))
        case RecordKind.FOREIGN:
            return _rows.foreign_rows(from_plain(ForeignFact, facts))


def without_record(connection: DuckDBPyConnection, results: Path) -> set[str]:
    """Names of the records whose rows came in a store file that is sealed here, or in one that a later file stands in
    for, and that have no folder here."""
    if "merge" not in schema.tables(connection):
        return set()  # of an older tunebook
    came = connection.execute(
        "SELECT m.kind || '-' || m.record_id, m.merge_id FROM store.merged m JOIN store.merge USING (merge_id) "
        "WHERE form = 'file'"
    ).fetchall()
    sealed = {path.name for path in record_folders(results)} if came else set()
    merges = {merge_id: record_path(results, RecordKind.MERGE, merge_id) for _, merge_id in came}
    whole = {merge_id for merge_id, path in merges.items() if holds_rows(path)}
    return {name for name, merge_id in came if name not in sealed and merge_id in whole}


def _judge_missing(connection: DuckDBPyConnection, results: Path) -> list[str]:
    """Judge every attempt under every rules of its lineage that has no score row yet: new attempts, and old attempts
    when rules are new. Old rows stay."""
    pairs = connection.execute(
        "SELECT DISTINCT a.attempt_id, r.rules_id, r.rules_json FROM store.attempt a JOIN store.rules r "
        "USING (search_key) ANTI JOIN store.score USING (attempt_id, rules_id) ORDER BY ALL"
    ).fetchall()
    warnings: list[str] = []
    gathered: _rows.Rows = {}
    read, attempt = "", None
    elsewhere = without_record(connection, results) if pairs else set()
    pairs = [pair for pair in pairs if f"{RecordKind.ATTEMPT}-{pair[0]}" not in elsewhere]  # `verify` counts them
    for number, (attempt_id, rules_id, rules_json) in enumerate(pairs, 1):
        if attempt_id != read:
            read, attempt = attempt_id, _sealed_attempt(results, attempt_id)
            if attempt is None:
                warnings.append(
                    f"attempt {attempt_id} can not be scored: its record can not be read; run `tunebook store verify`"
                )
        if attempt is not None:
            judged = judge(attempt, rules_from_plain(json.loads(rules_json)))
            for table, rows in _rows.judgement_rows(attempt_id, rules_id, judged).items():
                gathered.setdefault(table, []).extend(rows)
        if number % BATCH == 0 or number == len(pairs):  # a large store is judged in little memory
            for table, rows in gathered.items():
                insert_rows(connection, table, rows)
            gathered.clear()
    return warnings


def _sealed_attempt(results: Path, attempt_id: str) -> Attempt | None:
    try:
        facts = read_record(record_path(results, RecordKind.ATTEMPT, attempt_id)).facts
        return from_plain(Attempt, facts)
    except (StoreDamaged, ValueError):
        return None
