"""Closed loop: so many users, each sends its next request when its last one has ended."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine

from runner.loadgens.native.storm import Storm

Send = Callable[[int, float | None], Coroutine[None, None, None]]
"""Sends request `number`, intended for that moment of the monotonic clock (None: now), and waits for its end."""


async def closed_loop(
    start: float, users: int, requests: int | None, duration: float, send: Send, storm: Storm
) -> None:
    """Runs until `requests` are sent or `duration` seconds have passed, and then until the last one has ended."""
    numbers = itertools.count()

    async def user() -> None:
        while not storm.broke.is_set() and time.monotonic() - start < duration:
            number = next(numbers)
            if requests is not None and number >= requests:
                return
            await send(number, None)
            await storm.pause()

    await drained({asyncio.create_task(user()) for _ in range(users)}, storm)


async def drained(tasks: set[asyncio.Task[None]], storm: Storm) -> None:
    """Wait for the tasks; when the level is given up, cancel what is still in flight: it is lost."""

    async def cancel() -> None:
        await storm.broke.wait()
        for task in tasks:
            task.cancel()

    watching = asyncio.create_task(cancel())
    try:
        # A cancelled request ends with a row; a task that was not sending one just ends. The rest are bugs of ours.
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
    finally:
        watching.cancel()
