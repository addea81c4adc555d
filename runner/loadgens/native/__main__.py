"""`python -m runner.loadgens.native JOB ROWS`: the protocol of `runner.loadgens` on stdin and stdout."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from runner.loadgens import Job, ordered
from runner.loadgens._progress import Rows, say
from runner.loadgens.native.level import Level, Session
from runner.loadgens.native.loop import run
from runner.loadgens.native.wire import stamping
from runner.util import codec


def main(argv: list[str]) -> int:
    job_path, rows_path = argv
    job = codec.from_json(Job, Path(job_path).read_bytes())
    with stamping():
        run(_run(Session(job, Rows(Path(rows_path)))))
    return 0


async def _run(session: Session) -> None:
    orders = Orders()
    plans = iter(session.job.levels)
    plan, round_ = None, 0
    while (order := await orders.next()) != "stop":
        if order == "again":
            round_ += 1
        else:
            plan, round_ = ordered(order) or next(plans, None), 1
        if plan is None:
            break
        level = Level(session, plan, round_)
        orders.on_stop = level.give_up
        # A collection in the middle of a level would delay the time stamps of every stream.
        gc.collect()
        gc.freeze()
        gc.disable()
        await level.run()
        gc.enable()
        orders.on_stop = None
    say("end")


class Orders:
    """The lines of stdin. `stop` in the middle of a level also calls `on_stop`. At the end of stdin the driver is
    gone, and this process goes too, in the middle of whatever it does."""

    def __init__(self) -> None:
        self.on_stop: Callable[[], None] | None = None
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, daemon=True).start()

    async def next(self) -> str:
        return await self._queue.get()

    def _read(self) -> None:
        for line in sys.stdin:
            self._loop.call_soon_threadsafe(self._take, line.strip())
        os._exit(0)

    def _take(self, order: str) -> None:
        self._queue.put_nowait(order)
        if order == "stop" and self.on_stop is not None:
            self.on_stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
