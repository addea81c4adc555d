"""How late the event loop of this process was: what it had to do, it did so much after its time."""

from __future__ import annotations

import asyncio
import time
from array import array

from runner.domain.metrics import STATS
from runner.scoring.aggregate import percentile

_EVERY = 0.1
"""Seconds between two looks. Each wakes the process: more often would be seen in what a single stream costs."""


class Lag:
    """Looks while a level is measured; a context manager. `statistics` are seconds by name, empty without a look."""

    def __init__(self) -> None:
        self._late = array("d")
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Lag:
        self._due = time.monotonic() + _EVERY
        self._timer = self._loop.call_later(_EVERY, self._look)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        now = time.monotonic()
        self._late.append(max(0.0, now - self._due))
        self._due = now + _EVERY
        self._timer = self._loop.call_later(_EVERY, self._look)

    @property
    def looks(self) -> int:
        return len(self._late)

    def statistics(self) -> dict[str, float]:
        if not self._late:
            return {}
        late = sorted(self._late)
        found = {"mean": sum(late) / len(late), "min": late[0], "max": late[-1]}
        found |= {f"p{share}": percentile(late, share / 100) for share in (50, 90, 95, 99)}
        return {stat: round(found[stat], 6) for stat in STATS}
