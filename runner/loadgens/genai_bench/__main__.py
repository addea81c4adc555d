"""`python -m runner.loadgens.genai_bench JOB ROWS PYTHON`: the protocol of `runner.loadgens`, spoken for genai-bench.

PYTHON is the interpreter that has it. It is started at the first level and ended with this process, on every path.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from pathlib import Path

from runner.loadgens import Job, ordered
from runner.loadgens._progress import Rows, say
from runner.loadgens.genai_bench.bench import Broken, Item
from runner.loadgens.genai_bench.level import Level, Session
from runner.util import codec, process
from runner.util.redact import hide


def main(argv: list[str]) -> int:
    job_path, rows_path, python = argv
    job = codec.from_json(Job, Path(job_path).read_bytes())
    if job.endpoint.api_key:
        hide(job.endpoint.api_key)
    inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
    threading.Thread(target=_read_orders, args=(inbox,), daemon=True).start()
    session = Session(job, Rows(Path(rows_path)), python, inbox)
    try:
        return _run(session)
    except (Broken, OSError) as error:
        sys.stderr.write(f"{error}\n")
        say("failed", message=str(error))
        return 1
    finally:
        if session.bench is not None:
            session.bench.stop()


def _run(session: Session) -> int:
    plans = iter(session.job.levels)
    plan, round_ = None, 0
    while (order := _next_order(session.inbox)) != "stop":
        if order == "again":
            round_ += 1
        else:
            plan, round_ = ordered(order) or next(plans, None), 1
        if plan is None:
            say("end")
            break
        if not Level(session, plan, round_).run():
            break
    return 0


def _next_order(inbox: queue.SimpleQueue[Item]) -> str:
    """Between levels genai-bench has nothing to say that matters; that it ended is seen when it is wanted."""
    while True:
        what, content = inbox.get()
        if what == "order":
            return str(content)
        if what == "ended":
            raise Broken("genai-bench ended between two levels")


def _read_orders(inbox: queue.SimpleQueue[Item]) -> None:
    """The end of stdin means that the driver is gone: so does everything here, whatever it is at."""
    for line in sys.stdin:
        inbox.put(("order", line.strip()))
    process.stop_all(0.0)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
