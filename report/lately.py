"""What is recent, seen from the newest fact of the snapshot: a page has no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

WEEK = timedelta(days=7)


def lately(runs: Sequence[Mapping[str, Any]], as_of: datetime | None) -> list[Mapping[str, Any]]:
    """Of the rows of the query `runs` those that were alive in the seven days before `as_of`; one that was killed has
    no end, and counts by its start."""
    if as_of is None:
        return []
    return [run for run in runs if (run["ended_utc"] or run["started_utc"]) > as_of - WEEK]
