"""Open loop: requests come at a rate, whatever the answers do. What a stalled server makes wait is seen as latency."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator

from runner.loadgens.native.closed import Send, drained
from runner.loadgens.native.storm import Storm


def arrivals(rate: float, requests: int | None, duration: float, *, poisson: bool, seed: str) -> Iterator[float]:
    """Seconds from the start at which requests are intended, ascending, all before `duration`, `requests` at most.

    Poisson: independent exponential gaps of mean 1/rate, seeded. Else one each 1/rate, the first at once."""
    rng = random.Random(f"{seed}/arrivals")
    moment = rng.expovariate(rate) if poisson else 0.0
    number = 0
    while moment < duration and (requests is None or number < requests):
        yield moment
        number += 1
        moment = moment + rng.expovariate(rate) if poisson else number / rate


async def open_loop(start: float, intended: Iterator[float], send: Send, storm: Storm) -> None:
    """Starts each request at its intended time and never waits for an answer before the next; then drains."""
    flying: set[asyncio.Task[None]] = set()
    for number, offset in enumerate(intended):
        await storm.sleep(start + offset - time.monotonic())
        if storm.broke.is_set():
            break
        flying.add(asyncio.create_task(send(number, start + offset)))
    await drained(flying, storm)
