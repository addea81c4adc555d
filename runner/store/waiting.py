"""What is sealed and not in the store yet, seen from outside: nobody who works on the store is disturbed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.errors import StoreError
from runner.store._live import live_path, wal_of
from runner.store.reader import open_snapshot, snapshot_age, snapshot_path
from runner.store.record import record_folders
from runner.util import procfs


@dataclass(frozen=True, slots=True)
class StoreState:
    """`sealed` counts all records, `pending` those that wait for an ingest (or were refused by one). `holders` are the
    processes that work on the store now, or keep it open. `snapshot_seconds` is the age of the readers' copy, None
    when there is none; `problem` says why it can not be read."""

    sealed: int
    pending: int
    holders: tuple[int, ...] = ()
    snapshot_seconds: float | None = None
    problem: str | None = None


def store_state(results: Path) -> StoreState:
    """Called by `status`, at any time. The live file and its lock are not touched, so `pending` is worked out: the
    snapshot says what was in the store when it was published; a later record is taken to be in the store when the
    live file was written after it was sealed, as an ingest does."""
    folders = record_folders(results)
    known, problem = _in_snapshot(results)
    published = _written(snapshot_path(results))
    ingested = max(_written(live_path(results)), _written(wal_of(live_path(results))))
    pending = 0
    for path in folders:
        kind, _, record_id = path.name.partition("-")
        if (kind, record_id) not in known:
            sealed = path.stat().st_ctime  # the rename that sealed it
            pending += sealed > ingested or (problem is None and sealed < published)
    holders = {*procfs.lock_holders(results / "store.lock"), *procfs.lock_holders(live_path(results))}
    age = snapshot_age(results) if published else None
    return StoreState(len(folders), pending, tuple(sorted(holders)), age, problem)


def _in_snapshot(results: Path) -> tuple[set[tuple[str, str]], str | None]:
    if not snapshot_path(results).exists():
        return set(), None
    try:
        with open_snapshot(results) as connection:
            return set(connection.execute("SELECT kind, record_id FROM store.record").fetchall()), None
    except StoreError as error:
        return set(), error.what


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
