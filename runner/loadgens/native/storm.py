"""When to give up on a server that only answers with errors, and how long to wait between two tries until then."""

from __future__ import annotations

import asyncio

LIMIT = 20
"""So many errors in a row end a level; a level of more users than that has each of them fail once first."""

_PATIENCE = 2  # errors in a row that change nothing: single errors must not slow a level down
_LONGEST = 0.25


class Storm:
    """Counts errors in a row. `broke` is set once, when there were `limit` of them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_a_row = 0
        self.broke = asyncio.Event()

    def note(self, ok: bool) -> None:
        self.in_a_row = 0 if ok else self.in_a_row + 1
        if self.in_a_row >= self.limit:
            self.broke.set()

    async def pause(self) -> None:
        """Wait before the next try: not at all while requests succeed, then longer and longer, 0.25 s at most.

        Without it a dead server collects thousands of errors a minute."""
        beyond = self.in_a_row - _PATIENCE
        if beyond > 0:
            await asyncio.sleep(min(_LONGEST, 0.02 * 2 ** min(beyond, 8)))
