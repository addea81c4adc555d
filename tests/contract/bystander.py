"""Somebody else's work beside ours: a process that looks like an engine, its port, and files among our results.

    with bystander(results) as beside: ...

Whatever happens in the block must leave all of it alone; leaving the block checks that.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.util import net

SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"mine")
    def log_message(self, *words):
        pass
server = HTTPServer(("127.0.0.1", 0), Answer)
print(server.server_address[1], flush=True)
server.serve_forever()
"""

FILES = {
    "notes.txt": "a person's notes",
    "running/notes.txt": "not a running file",
    "running/other-tool.json": '{"pid": 1, "host": "elsewhere"}',
    "running/broken.json": "{",
    "records/of-another-tool/data.json": "{}",
}
"""What another tool or a person may leave in a results folder."""


@dataclass
class Beside:
    pid: int
    port: int


@contextmanager
def bystander(folder: Path) -> Iterator[Beside]:
    """A server of somebody else, called as an engine is called, in a session of its own; and FILES in `folder`."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (0, 0))  # old enough for anybody who cleans up
    words = ["runner.simulated.server", "llama-server", "tb-00000000", str(folder)]
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, *words], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield Beside(process.pid, port)
            assert process.poll() is None, "a process that is not ours was ended"
            assert answer(port) == b"mine", "a process that is not ours was ended"
            for name, text in FILES.items():
                assert (folder / name).read_text(encoding="utf-8") == text, f"{name} is not ours"
        finally:
            process.kill()


def answer(port: int) -> bytes | None:
    """None: nobody. A killed process closes its port before its parent can see the end, so both are looked at."""
    try:
        return net.get(f"http://127.0.0.1:{port}/", 10)[1]
    except net.NoAnswer:
        return None
