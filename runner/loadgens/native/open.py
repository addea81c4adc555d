"""Open loop: requests come at moments of their own, whatever the answers do. What a stalled server makes wait is seen
as latency."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from runner.loadgens.native.closed import Send, drained
from runner.loadgens.native.storm import Storm


async def open_loop(start: float, intended: Iterator[float], send: Send, storm: Storm) -> None:
    """Starts each request at its intended time (seconds from `start`, ascending) and never waits for an answer before
    the next; then drains."""
    flying: set[asyncio.Task[None]] = set()
    for number, offset in enumerate(intended):
        await storm.sleep(start + offset - time.monotonic())
        if storm.broke.is_set():
            break
        flying.add(asyncio.create_task(send(number, start + offset)))
    await drained(flying, storm)
