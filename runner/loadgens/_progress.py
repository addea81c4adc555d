"""What the child tells its driver while it works: one JSON object per line on stdout, and the rows in their file."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runner.loadgens import Row
from runner.util import codec

_EVERY = 0.5  # seconds; the driver expects a sign of life each second while tokens arrive


def say(event: str, **data: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **data}) + "\n")
    sys.stdout.flush()


@dataclass(slots=True)
class Tally:
    """Of one level: measured requests that ended, and tokens of all requests, warm-up included."""

    done: int = 0
    ok: int = 0
    failed: int = 0
    lost: int = 0
    tokens: int = 0


class Rows:
    """The rows file. A row is written whole and flushed, so that what a killed child leaves is good."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(self, row: Row) -> None:
        self._file.write(codec.to_line(row))


@asynccontextmanager
async def reporting(position: int, tally: Tally, count: Callable[[], None]) -> AsyncIterator[None]:
    """Say `progress` about the level while anything changes. Silence means that nothing came. `count` is called
    before each look at the tally, to bring it up to date."""

    async def report() -> None:
        before = (0, 0)
        while True:
            await asyncio.sleep(_EVERY)
            count()
            now = (tally.done, tally.tokens)
            if now != before:
                before = now
                say("progress", position=position, done=tally.done, ok=tally.ok, failed=tally.failed,
                    tokens=tally.tokens)  # fmt: skip

    task = asyncio.create_task(report())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
