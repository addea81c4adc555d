"""A child that kills itself (SIGKILL) at the N-th line it executes inside runner/store, or counts the lines.

python -m tests.runner.store._killed seal|ingest RESULTS N        N = 0: count, print the number
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from runner.domain.records import RecordKind
from runner.store import ingest, record, snapshot  # imported before the trace starts
from tests import make

HOME = str(Path(record.__file__).parent)


def main(what: str, results: Path, at: int) -> None:
    lines = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.startswith(HOME):
            return None
        if event == "line":
            lines += 1
            if lines == at:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    fact = make.run_end()
    sys.settrace(trace)
    if what == "seal":
        record.seal(results, RecordKind.RUN_END, fact.run_id, fact)
    else:
        ingest.ingest(results)
        snapshot.snapshot(results)
    sys.settrace(None)
    print(lines)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
