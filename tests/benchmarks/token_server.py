"""A server whose token times are exactly known, in a process of its own. `python -m tests.benchmarks.token_server`.

It says its port on stdout, serves until its stdin ends, and keeps a log of the truth: when each request had come whole,
when its first token and when its last one were handed to the kernel, all on the monotonic clock that every process of
the machine shares. As cheap as we could make it (bytes made beforehand, one thread, no HTTP library, no event loop),
so that what is measured is the client. Linux only: the kernel says when a request arrived.

Streams answer in the form of chat completions, by chunks; GET /log gives the log as JSON and empties it.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import json
import re
import select
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: close\r\nServer: exact\r\n\r\n"
)
_COMMON = '"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","created":1700000000,"model":"exact"'
_LENGTH = re.compile(rb"content-length: *(\d+)", re.I)
_ID = re.compile(rb"x-request-id: *([^\r]+)", re.I)
_OUTPUT = re.compile(rb'"max_(?:completion_)?tokens": *(\d+)')
_PROMPT = re.compile(rb'"content": *"([^"]*)"')
_TIMESTAMP = 35  # SO_TIMESTAMPNS
_ROOM = socket.CMSG_SPACE(16)
_TEMPLATE = 9
"""Tokens that its template adds to a prompt; each word is one token."""


def _chunk(text: str) -> bytes:
    data = f"data: {text}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


def _delta(delta: str, finish: str = "null") -> str:
    return f'{{{_COMMON},"choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]}}'


_ROLE = _HEAD + _chunk(_delta('{"role":"assistant","content":""}'))
_TOKENS = [
    _chunk(_delta(f'{{"content":" {word}"}}')) for word in ("the", "water", "of", "a", "river", "x,", "12", "is")
]
_FINISH = _chunk(_delta("{}", '"length"'))


def _end(prompt: int, output: int) -> bytes:
    counts = f'{{"prompt_tokens":{prompt},"completion_tokens":{output},"total_tokens":{prompt + output}}}'
    return _FINISH + _chunk(f'{{{_COMMON},"choices":[],"usage":{counts}}}') + _chunk("[DONE]") + b"0\r\n\r\n"


@dataclass(slots=True)
class Connection:
    """One connection: one request. `begin` is when its first token is due; `row` the truth of it."""

    plug: socket.socket
    got: bytes = b""
    begin: float = 0.0
    sent: int = 0
    prompt: int = 0
    output: int = 0
    row: dict[str, Any] = field(default_factory=dict)


class Server:
    """One thread, one epoll, a heap of what is due."""

    def __init__(self, ttft: float, tpot: float) -> None:
        self.ttft, self.tpot = ttft, tpot
        self.log: list[dict[str, Any]] = []
        self.open: dict[int, Connection] = {}
        self.due: list[tuple[float, int, Connection]] = []
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listening.setblocking(False)
        self.listening.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)  # those that it accepts have it too
        self.epoll = select.epoll()
        self.epoll.register(self.listening, select.EPOLLIN)
        self.epoll.register(sys.stdin, select.EPOLLIN)

    def serve(self) -> None:
        while True:
            wait = max(0.0, self.due[0][0] - time.monotonic()) if self.due else -1
            for fd, _ in self.epoll.poll(wait):
                if fd in self.open:
                    self._read(self.open[fd])
                elif fd == self.listening.fileno():
                    self._accept()
                else:
                    return  # stdin
            now = time.monotonic()
            while self.due and self.due[0][0] <= now:
                self._token(heapq.heappop(self.due)[2])

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            while True:
                plug, _ = self.listening.accept()
                plug.setblocking(False)
                plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.open[plug.fileno()] = connection = Connection(plug)
                self.epoll.register(plug, select.EPOLLIN)
                self._read(connection)

    def _read(self, connection: Connection) -> None:
        try:
            data, told, _, _ = connection.plug.recvmsg(2**16, _ROOM)
        except BlockingIOError:
            return
        except ConnectionError:
            data, told = b"", []
        if not data:
            connection.row = {}  # gone: what is due of it is dropped
            self._close(connection)
            return
        connection.got += data
        head, end, body = connection.got.partition(b"\r\n\r\n")
        if end:
            length = _LENGTH.search(head)
            if not length or len(body) >= int(length[1]):
                self._answer(connection, head, body, _arrival(told))

    def _answer(self, connection: Connection, head: bytes, body: bytes, received: float) -> None:
        if not head.startswith(b"POST"):
            text = b"{}"
            if head.startswith(b"GET /log"):
                text = json.dumps(self.log).encode()
                self.log.clear()
            connection.plug.setblocking(True)
            said = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(text)
            connection.plug.sendall(said + text)
            self._close(connection)
            return
        asked, name, prompt = _OUTPUT.search(body), _ID.search(head), _PROMPT.search(body)
        connection.output = int(asked[1]) if asked else 16
        connection.prompt = _TEMPLATE + (len(prompt[1].split()) if prompt else 0)
        connection.row = {"id": name[1].decode() if name else "", "received": received, "first": 0.0}
        connection.begin = received + self.ttft
        connection.plug.send(_ROLE)
        heapq.heappush(self.due, (connection.begin, id(connection), connection))

    def _token(self, connection: Connection) -> None:
        row = connection.row
        if not row:
            return
        text = _TOKENS[connection.sent % len(_TOKENS)]
        connection.sent += 1
        last = connection.sent == connection.output
        now = time.monotonic()
        try:
            connection.plug.send(text)
            if last:
                connection.plug.send(_end(connection.prompt, connection.output))
        except ConnectionError:
            self._close(connection)
            return
        row["first"] = row["first"] or now
        if last:
            self.log.append({**row, "last": now, "tokens": connection.sent})
            self._close(connection)
            return
        due = connection.begin + connection.sent * self.tpot
        heapq.heappush(self.due, (due, id(connection), connection))

    def _close(self, connection: Connection) -> None:
        self.open.pop(connection.plug.fileno(), None)
        connection.plug.close()


def _arrival(told: list[tuple[int, int, bytes]]) -> float:
    """When the kernel had the bytes, on the monotonic clock: this process may have to wait for a core too."""
    now = time.monotonic()
    if not told:
        return now
    seconds, nanoseconds = struct.unpack("qq", told[0][2])
    return float(now - max(0.0, time.time() - seconds - nanoseconds * 1e-9))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ttft", type=float, default=0.2, help="seconds")
    parser.add_argument("--tpot", type=float, default=0.02, help="seconds")
    options = parser.parse_args()
    server = Server(options.ttft, options.tpot)
    sys.stdout.write(f"{server.listening.getsockname()[1]}\n")
    sys.stdout.flush()
    gc.collect()
    gc.freeze()
    gc.disable()
    server.serve()


@dataclass(frozen=True, slots=True)
class TokenServer:
    base_url: str
    pid: int

    def truth(self) -> list[dict[str, Any]]:
        """The requests that ended since the last call: id, received, first, last (s), tokens."""
        with urllib.request.urlopen(f"{self.base_url}/log") as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found


@contextmanager
def token_server(ttft: float = 0.2, tpot: float = 0.02) -> Iterator[TokenServer]:
    """Runs it beside us and ends it."""
    command = [sys.executable, "-m", "tests.benchmarks.token_server", f"--ttft={ttft}", f"--tpot={tpot}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            yield TokenServer(f"http://127.0.0.1:{int(child.stdout.readline())}", child.pid)
        finally:
            child.stdin.close()
            child.wait(10)


if __name__ == "__main__":
    main()
