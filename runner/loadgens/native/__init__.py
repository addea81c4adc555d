"""The native load generator: an asyncio streaming client in a process of its own.

It has what other clients lack: open and closed loop, a deadline per request, seeded prompts of exact token length,
every token's time, and an honest name for each way in which a request can end.
"""

from __future__ import annotations

import sys
from pathlib import Path

from runner.errors import Problem
from runner.loadgens import Can, LoadGenerator

VERSION = "2"
"""Changes when a number it reports could change: results of two versions are not the same measurement."""


class NativeClient:
    name = "native"
    can = frozenset(Can)

    def version(self) -> str:
        return VERSION

    def command(self, job: Path, rows: Path) -> list[str]:
        return [sys.executable, "-m", "runner.loadgens.native", str(job), str(rows)]

    def needs(self) -> Problem | None:
        return None

    def why_not(self, need: Can) -> str:
        return "it is not made for it"

    def measures(self, metric: str) -> bool:
        return True


LOADGEN: LoadGenerator = NativeClient()
