"""When a level is given up: the server only answers with errors, or the driver says so. What is waited until then."""

from __future__ import annotations

import asyncio

LIMIT = 20
"""So many errors in a row end a level; a level of more users than that has each of them fail once first."""

_PATIENCE = 2  # errors in a row that change nothing: single errors must not slow a level down
_LONGEST = 0.25


class Storm:
    """Counts errors in a row. `broke` is set when there were `limit` of them, or by `give_up`; never unset."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_a_row = 0
        self.broke = asyncio.Event()

    def note(self, ok: bool) -> None:
        self.in_a_row = 0 if ok else self.in_a_row + 1
        if self.in_a_row >= self.limit:
            self.give_up()

    def give_up(self) -> None:
        self.broke.set()

    async def sleep(self, seconds: float) -> None:
        """Sleep so long, or until the level is given up."""
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self.broke.wait()
            except TimeoutError:
                pass

    async def pause(self) -> None:
        """Wait before the next try: not at all while requests succeed, then longer and longer, 0.25 s at most.

        Without it a dead server collects thousands of errors a minute."""
        beyond = self.in_a_row - _PATIENCE
        if beyond > 0:
            await self.sleep(min(_LONGEST, 0.02 * 2 ** min(beyond, 8)))
