"""The clock and fresh ids, in one place, so that tests can stand still."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

from runner.domain.ids import uuid7


def utc_now() -> str:
    """ISO 8601 with microseconds and a Z."""
    return utc_of(time.time())


def utc_of(seconds: float) -> str:
    """The same of a moment in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))
