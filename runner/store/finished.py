"""Attempts that the store took in, for whoever moves files of their records elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from runner.domain.records import RecordKind
from runner.store._live import live_path, open_live, store_lock
from runner.store.record import record_path


@dataclass(frozen=True, slots=True)
class Finished:
    """One attempt. `record` is where its folder would be: of one that came in a store file there is none. `sha256` of
    the manifest as it was taken in; `named`: it belongs to a best or a default trial, which pages name."""

    record: Path
    trial_id: str
    search_key: str
    ended: datetime
    sha256: str
    named: bool


def finished(results: Path) -> list[Finished]:
    """Every attempt in the store, in the order of their ids; none without a store. Raises StoreLocked, StoreDamaged."""
    if not live_path(results).exists():
        return []
    with store_lock(results), open_live(results) as connection:
        rows = connection.execute(
            "SELECT attempt_id, trial_id, search_key, ended_utc, sha256 FROM store.attempt "
            "JOIN store.record ON kind = 'attempt' AND record_id = attempt_id ORDER BY attempt_id"
        ).fetchall()
        named = connection.execute("SELECT trial_id FROM best UNION SELECT trial_id FROM baselines").fetchall()
    pages = {str(row[0]) for row in named}
    return [
        Finished(
            record_path(results, RecordKind.ATTEMPT, attempt_id), trial_id, search_key,
            ended.replace(tzinfo=UTC), sha256, trial_id in pages,
        )
        for attempt_id, trial_id, search_key, ended, sha256 in rows
    ]  # fmt: skip
