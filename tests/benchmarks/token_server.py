"""A server whose token times are exactly known, in a process of its own. `python -m tests.benchmarks.token_server`.

It says its port on stdout, serves until its stdin ends, and keeps a log of the truth: when each request had come whole,
when its first token and when its last one were handed to the kernel, all on the monotonic clock that every process of
the machine shares. As cheap as we could make it (bytes made beforehand, one timer for each token, no HTTP library),
so that what is measured is the client.

Streams answer in the form of chat completions, by chunks; GET /log gives the log as JSON and empties it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


class Stream(asyncio.Protocol):
    """One connection: one request, or GET /log."""

    log: list[dict[str, Any]] = []  # noqa: RUF012 - the log of the whole process
    ttft = tpot = 0.0

    def __init__(self) -> None:
        self.got = b""
        self.length = -1
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport  # uvloop's is no subclass of asyncio.Transport
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self.got += data
        head, end, body = self.got.partition(b"\r\n\r\n")
        if not end:
            return
        length = _LENGTH.search(head)
        if b"expect: 100" in head.lower() and not body:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if length is None or len(body) >= int(length[1]):
            self._answer(head, body, now)

    def _answer(self, head: bytes, body: bytes, now: float) -> None:
        if not head.startswith(b"POST"):
            text = b"{}"
            if head.startswith(b"GET /log"):
                text = json.dumps(Stream.log).encode()
                Stream.log.clear()
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(text) + text
            )
            self.transport.close()
            return
        asked, name, prompt = _OUTPUT.search(body), _ID.search(head), _PROMPT.search(body)
        self.output = int(asked[1]) if asked else 16
        self.prompt = _TEMPLATE + (len(prompt[1].split()) if prompt else 0)
        self.sent = 0
        self.row = {"id": name[1].decode() if name else "", "received": now, "first": 0.0, "last": 0.0}
        self.begin = now + Stream.ttft
        self.transport.write(_ROLE)
        self._next()

    def _next(self) -> None:
        self.timer = self.loop.call_later(self.begin + self.sent * Stream.tpot - time.monotonic(), self._token)

    def _token(self) -> None:
        now = time.monotonic()
        self.transport.write(_TOKENS[self.sent % len(_TOKENS)])
        if not self.sent:
            self.row["first"] = now
        self.sent += 1
        if self.sent < self.output:
            self._next()
            return
        self.row["last"] = now
        self.row["tokens"] = self.sent
        Stream.log.append(self.row)
        self.transport.write(_end(self.prompt, self.output))
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Stream, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ttft", type=float, default=0.2, help="seconds")
    parser.add_argument("--tpot", type=float, default=0.02, help="seconds")
    options = parser.parse_args()
    Stream.ttft, Stream.tpot = options.ttft, options.tpot
    try:
        import uvloop

        uvloop.run(_serve())
    except ImportError:
        asyncio.run(_serve())


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
