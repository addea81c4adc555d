"""The far end of a load generator that runs on another machine: `python -m runner.loadgens._remote CLIENT`.

stdin: first the job, one line of JSON; then the orders, as the client takes them. stdout: first
{"event":"remote","code":...}, which state of tunebook this is; then the client's own lines, and before each of them
{"row":...} for every row that it has written since the last one. So whoever hears `level_ended` has all rows of it.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from runner.loadgens import loadgens
from runner.util import process
from runner.util.code import code_hash
from runner.util.stdin import lines

GRACE = 5.0
"""Seconds from its last word to its end."""
ROW = b'{"row": '


def main(argv: list[str]) -> int:
    [client] = argv
    _write(json.dumps({"event": "remote", "code": code_hash()}).encode() + b"\n")
    orders = lines()
    job = next(orders, b"")
    if not job.endswith(b"\n"):  # nobody is there any more
        return 0
    with TemporaryDirectory(prefix="tunebook-load-") as name:
        job_path, rows_path = Path(name) / "job.json", Path(name) / "rows.jsonl"
        rows_path.touch()
        job_path.touch(mode=0o600)  # it may hold the key of the endpoint
        job_path.write_bytes(job)
        command = loadgens.get(client).command(job_path, rows_path)
        with process.start(
            command, label=client, stdin=process.PIPE, stdout=process.PIPE, stderr=sys.stderr.fileno()
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            threading.Thread(target=_pass_on, args=(orders, child.stdin), daemon=True).start()
            with rows_path.open("rb") as rows:
                for line in child.stdout:
                    _tell(rows)
                    _write(line)
                _tell(rows)
            end = child.wait(GRACE)
        return 0 if end is not None and end.code == 0 else 1


def _pass_on(orders: Iterator[bytes], client: IO[bytes]) -> None:
    """Until our own stdin ends: then the client's does, and it ends at once."""
    try:
        for line in orders:
            client.write(line)
            client.flush()
        client.close()
    except (OSError, ValueError):  # the client is gone
        return


def _tell(rows: IO[bytes]) -> None:
    """Rows since the last time. A line that is not finished is left for the next one."""
    while True:
        at = rows.tell()
        line = rows.readline()
        if not line.endswith(b"\n"):
            rows.seek(at)
            return
        _write(ROW + line[:-1] + b"}\n")


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
