"""The running simulated engine: slots, queue, token schedule, counters, and a log of what was truly sent when."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from runner.simulated import surface
from runner.simulated.surface import Flags
from runner.simulated.wire import Asked


@dataclass(slots=True)
class Seen:
    """The truth about one request, on CLOCK_MONOTONIC, which client and server share on one machine. Its text is told
    by its hash alone: enough to see whether two were the same."""

    number: int
    id: str
    prompt_tokens: int
    prompt_sha256: str
    asked: int
    received: float
    admitted: float | None = None
    first: float | None = None
    last: float | None = None
    end: float | None = None
    sent_tokens: int = 0
    status: int = 200
    client_gone: bool = False
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Counters:
    prompt_tokens: int = 0
    generation_tokens: int = 0
    prompt_seconds: float = 0.0
    requests: int = 0
    failed: int = 0


class SimulatedEngine:
    """At most `max_num_seqs` requests run; the others wait in order. `scale` multiplies every duration."""

    def __init__(self, flags: Flags, *, scale: float, model: str) -> None:
        self.flags = flags
        self.scale = scale
        self.model = model
        self.ready = False
        self.active = 0
        self.waiting = 0
        self.counters = Counters()
        self.log: deque[Seen] = deque(maxlen=100_000)
        self._slots = asyncio.Semaphore(flags.max_num_seqs)
        self._stalled_until = 0.0

    def receive(self, request_id: str, asked: Asked) -> Seen:
        number = self.counters.requests
        seen = Seen(number, request_id, asked.prompt_tokens, asked.prompt_sha256, asked.output_tokens, time.monotonic())
        self.counters.requests += 1
        self.log.append(seen)
        return seen

    def stall(self, seconds: float) -> None:
        """From now on nothing moves for so long."""
        self._stalled_until = max(self._stalled_until, time.monotonic() + seconds * self.scale)

    @asynccontextmanager
    async def slot(self, seen: Seen) -> AsyncIterator[None]:
        self.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.waiting -= 1
        self.active += 1
        seen.admitted = time.monotonic()
        try:
            yield
        finally:
            self.active -= 1
            self._slots.release()
            seen.end = time.monotonic()

    async def tokens(self, seen: Seen) -> AsyncIterator[int]:
        """Token numbers from 1 to what was asked, each at its time. Absolute times: being late once does not add up.

        The batch is looked at before every token, so a request slows down when others join."""
        prefill = surface.prefill(self.flags, seen.prompt_tokens, self.active) * self.scale
        due = (seen.admitted or time.monotonic()) + prefill
        for token in range(1, seen.asked + 1):
            due = await self._until(due)
            now = time.monotonic()
            seen.first = seen.first or now
            seen.last = now
            seen.sent_tokens = token
            if token == 1:
                self.counters.prompt_tokens += seen.prompt_tokens
                self.counters.prompt_seconds += prefill
            self.counters.generation_tokens += 1
            yield token
            due += surface.itl(self.flags, self.active) * self.scale

    async def embed(self, seen: Seen) -> None:
        """Read the prompt, and no more."""
        prefill = surface.prefill(self.flags, seen.prompt_tokens, self.active) * self.scale
        await self._until((seen.admitted or time.monotonic()) + prefill)
        self.counters.prompt_tokens += seen.prompt_tokens
        self.counters.prompt_seconds += prefill

    async def _until(self, due: float) -> float:
        """Sleep until then, and through a stall. Returns the time it became."""
        while True:
            due = max(due, self._stalled_until)
            wait = due - time.monotonic()
            if wait <= 0:
                return due
            await asyncio.sleep(wait)

    def prometheus(self) -> str:
        """The counters in the text format of Prometheus."""
        count = self.counters
        rows: list[tuple[str, str, float]] = [
            ("prompt_tokens_total", "counter", count.prompt_tokens),
            ("generation_tokens_total", "counter", count.generation_tokens),
            ("prompt_seconds_total", "counter", count.prompt_seconds),
            ("requests_total", "counter", count.requests),
            ("requests_failed_total", "counter", count.failed),
            ("requests_running", "gauge", self.active),
            ("requests_waiting", "gauge", self.waiting),
        ]
        lines = []
        for name, kind, value in rows:
            lines += [f"# TYPE simulated:{name} {kind}", f"simulated:{name} {value:g}"]
        return "\n".join(lines) + "\n"
