"""The near end of a load generator that runs in a pod beside the engine: it looks to the driver like the client itself.

    python -m runner.deployers.kubernetes.beside POD NAMESPACE CONTEXT CLIENT JOB ROWS

The job goes in, orders follow, events and rows come out, through the API server as `kubectl exec` goes. Messages are of
`v4.channel.k8s.io`: the first byte is the channel, 0 stdin, 1 stdout, 2 stderr, 3 how it ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from runner.deployers.kubernetes.sockets import PROTOCOL, first_of
from runner.deployers.kubernetes.sockets import client as dialled
from runner.errors import NotReady
from runner.util.code import code_hash
from runner.util.redact import redact
from runner.util.stdin import lines

REMOTE = "runner.loadgens._remote"
ROW = b'{"row": '
"""How a line of the far end begins that is a row (runner.loadgens._remote)."""
IN, OUT, ERROR_OUT, STATUS = range(4)
CONTAINER = "load"


class Stopped(Exception):
    """Why the measurement can not go on, in words."""


class Relay:
    """What comes from the pod, taken apart."""

    def __init__(self, rows: BinaryIO) -> None:
        self._rows = rows
        self._rest = b""
        self._known = False

    def hear(self, part: bytes) -> None:
        """Rows into their file before the event that follows them. Raises Stopped for another tunebook."""
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            if line.startswith(ROW):
                self._rows.write(line[len(ROW) : -1] + b"\n")
            elif self._known:
                self._rows.flush()
                sys.stdout.buffer.write(line + b"\n")
                sys.stdout.buffer.flush()
            else:
                self._meet(line)
        self._rows.flush()

    def _meet(self, line: bytes) -> None:
        try:
            there = json.loads(line).get("code")
        except (ValueError, AttributeError):
            raise Stopped(f"load_image: what answers there is no tunebook of ours: {line[:200]!r}") from None
        if there != code_hash():
            raise Stopped(f"load_image has another tunebook: code {there}, here {code_hash()}; build it from this one")
        self._known = True


async def _run(pod: str, namespace: str, context: str, client: str, job: bytes, rows: BinaryIO) -> int:
    words = ("python3", "-m", REMOTE, client)
    asked: list[tuple[str, str | int | float | bool | None]]
    asked = [("container", CONTAINER), ("stdin", "true"), ("stdout", "true"), ("stderr", "true")]
    asked += [("command", word) for word in words]
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
    async with (
        dialled(context) as http,
        http.websocket(path, subprotocols=[PROTOCOL], params=asked, keepalive_ping_interval_seconds=None) as socket,
    ):
        await socket.send_bytes(bytes((IN,)) + job)
        orders = asyncio.create_task(_orders(socket))
        try:
            return await _answers(socket, Relay(rows), orders)
        finally:
            orders.cancel()
            await asyncio.gather(orders, return_exceptions=True)


async def _orders(socket: Any) -> None:
    """Lines of our stdin; at its end the driver is gone, and so is the connection."""
    given: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in lines():
            loop.call_soon_threadsafe(given.put_nowait, line)
        loop.call_soon_threadsafe(given.put_nowait, b"")

    threading.Thread(target=read, daemon=True).start()
    while line := await given.get():
        await socket.send_bytes(bytes((IN,)) + line)


async def _answers(socket: Any, relay: Relay, orders: asyncio.Task[None]) -> int:
    """The exit status of the far end; 0 when our driver went first."""
    while True:
        coming = asyncio.create_task(socket.receive_bytes())
        await asyncio.wait({coming, orders}, return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            return 0
        message: bytes = coming.result()
        channel, part = message[:1], message[1:]
        if channel == bytes((OUT,)):
            relay.hear(part)
        elif channel == bytes((ERROR_OUT,)):
            sys.stderr.buffer.write(part)
            sys.stderr.buffer.flush()
        elif channel == bytes((STATUS,)):
            return _status(part)


def _status(part: bytes) -> int:
    """Of a Status object: its exit code, where it names one. Raises Stopped when nothing was started."""
    said = json.loads(part)
    if said.get("status") == "Success":
        return 0
    causes = (said.get("details") or {}).get("causes") or []
    code = next((str(one.get("message")) for one in causes if one.get("reason") == "ExitCode"), "")
    if code.isdecimal():
        return int(code)
    raise Stopped(str(said.get("message", "it was not started")))


def main(argv: list[str]) -> int:
    pod, namespace, context, client, job_path, rows_path = argv
    from httpx2 import HTTPError
    from httpx2.websockets import HTTPXWSException

    job = json.loads(Path(job_path).read_bytes())
    try:
        if job.get("requests"):
            raise Stopped("load_image: the lines of a trace or dataset lie on this machine; write endpoint: instead")
        with Path(rows_path).open("ab") as rows:
            line = json.dumps(job).encode() + b"\n"
            return asyncio.run(_run(pod, namespace, context, client, line, rows))
    except (Stopped, NotReady, HTTPError, HTTPXWSException, OSError, ExceptionGroup) as caught:
        error = first_of(caught)
        if not isinstance(error, Stopped | NotReady | HTTPError | HTTPXWSException | OSError):
            raise
        told = redact(" ".join(f"{type(error).__name__}: {error}".split()))[:500].removeprefix("Stopped: ")
        sys.stdout.write(json.dumps({"event": "failed", "message": told}) + "\n")
        sys.stdout.flush()
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
