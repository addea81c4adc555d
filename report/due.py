"""When the campaigns that say `every` are due again. No clock: it is compared with the latest fact of the snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from runner.domain.failure import EndReason
from runner.domain.schedule import due_from, finished
from runner.domain.units import format_duration

Row = Mapping[str, Any]


def schedule(runs: Sequence[Row], as_of: datetime | None) -> list[dict[str, Any]]:
    """One row per campaign of the query `due_runs`, the one that waits longest first: `finished_utc` (end of the last
    run that finished), `due_utc` (None: it never finished, so it is due now), `due` at `as_of`, `open` when a later
    run is unfinished."""
    rows = [_row(list(mine), as_of) for _, mine in groupby(runs, key=lambda run: run["campaign"])]
    return sorted(rows, key=lambda row: (row["due_utc"] or datetime.min, row["campaign"]))


def _row(runs: Sequence[Row], as_of: datetime | None) -> dict[str, Any]:
    """`runs` of one campaign, the latest first."""
    last = next((run for run in runs if _finished(run)), None)
    every = runs[0]["every_seconds"]
    due_utc = due_from(last["started_utc"], every) if last else None
    unfinished = not _finished(runs[0])
    return {
        "campaign": runs[0]["campaign"],
        "every": format_duration(every),
        "finished_utc": last["ended_utc"] if last else None,
        "due_utc": due_utc,
        "due": unfinished or due_utc is None or (as_of is not None and due_utc <= as_of),
        "open": unfinished,
    }


def _finished(run: Row) -> bool:
    reason = run["end_reason"]
    return reason is not None and finished(EndReason(reason), run["trials"], run["trials_planned"])
