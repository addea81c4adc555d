"""`python -m runner.loadgens.native JOB ROWS`: the protocol of `runner.loadgens` on stdin and stdout."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from pathlib import Path

from runner.loadgens import Job
from runner.loadgens.native.level import Level, Session
from runner.loadgens.native.progress import Rows, say
from runner.util import codec


def main(argv: list[str]) -> int:
    job_path, rows_path = argv
    job = codec.from_json(Job, Path(job_path).read_bytes())
    asyncio.run(_run(Session(job, Rows(Path(rows_path)))))
    return 0


async def _run(session: Session) -> None:
    lines = _orders()
    for plan in session.job.levels:
        if await lines.get() == "stop":
            return
        # A collection in the middle of a level would delay the time stamps of every stream.
        gc.collect()
        gc.freeze()
        gc.disable()
        await Level(session, plan).run()
        gc.enable()
    say("end")


def _orders() -> asyncio.Queue[str]:
    """The lines of stdin. At its end the driver is gone and this process with it, in the middle of whatever it does."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(queue.put_nowait, line.strip())
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return queue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
