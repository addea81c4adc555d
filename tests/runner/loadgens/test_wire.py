"""Connections: every way in which one comes about, breaks, or does not come about, over real sockets."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from runner.domain.trial import Endpoint
from runner.loadgens import Row
from runner.loadgens._requests.asks import Ask
from runner.loadgens.native import wire
from runner.loadgens.native.client import Client
from runner.loadgens.native.loop import Loop
from tests.runner.loadgens.driving import closed, job
from tests.runner.simulated.world import PATIENCE

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
TOKEN = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
END = b'data: {"choices":[{"delta":{},"finish_reason":"length"}]}\n\ndata: [DONE]\n\n'
Answer = Callable[[socket.socket, bytes], None]


def request(plug: socket.socket) -> bytes:
    """Everything of one request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += plug.recv(2**16)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += plug.recv(2**16)
    return head + b"\r\n\r\n" + body


@contextmanager
def server(answer: Answer, host: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Answers each connection in a thread; gives the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listening:

        def serve() -> None:
            while True:
                try:
                    plug, _ = listening.accept()
                except OSError:
                    return  # closed
                try:
                    with context.wrap_socket(plug, server_side=True) if context else plug as open_:
                        answer(open_, request(open_))
                except OSError:
                    continue  # the client is gone, or never wanted us

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE)


def good(plug: socket.socket, _request: bytes) -> None:
    for part in (HEAD, TOKEN, TOKEN, END):
        plug.sendall(part)


def sent(url: str, *, prompt: str = "hello", times: int = 1, timeout: float = PATIENCE, key: str = "") -> list[Row]:
    """So many requests, one after the other, by the loop and the client that a child runs."""
    work = job(Endpoint(url, "m", key or None), closed(1), request_timeout=timeout)

    async def load() -> list[Row]:
        async with Client(work, lambda n: None) as client:
            return [await client.send(Ask(0, n, "measure", prompt, 1, 2), time.monotonic()) for n in range(times)]

    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(load())


def test_what_is_sent_is_one_whole_request() -> None:
    seen: list[bytes] = []

    def answer(plug: socket.socket, asked: bytes) -> None:
        seen.append(asked)
        good(plug, asked)

    with server(answer) as port:
        rows = sent(f"http://127.0.0.1:{port}", times=2, key="sk-1")
    assert [(row.error, row.output_tokens, row.finish, row.status) for row in rows] == [(None, 2, "length", 200)] * 2
    head, _, body = seen[1].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /v1/chat/completions HTTP/1.1"
    assert {f"Host: 127.0.0.1:{port}", "Connection: close", "Authorization: Bearer sk-1", "X-Request-Id: l0-m-1"} < set(
        lines
    )
    assert json.loads(body)["messages"] == [{"role": "user", "content": "hello"}]


def test_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with server(good, "::1") as port:
            assert sent(f"http://[::1]:{port}")[0].error is None
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


def test_a_name_with_several_addresses_is_tried_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """`localhost` is ::1 first on many machines, and engines listen on 127.0.0.1."""
    with server(good) as port, socket.create_server(("127.0.0.1", 0)) as other:
        dead = other.getsockname()[1]
        other.close()

        async def two(_host: str, _port: int) -> list[wire.Address]:
            return [(socket.AF_INET, ("127.0.0.1", dead)), (socket.AF_INET, ("127.0.0.1", port))]

        monkeypatch.setattr("runner.loadgens.native.client.resolve", two)
        rows = sent("http://somewhere:1", times=3)
    assert [row.error for row in rows] == [None] * 3


def test_nobody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plug:
        port = plug.getsockname()[1]
    (row,) = sent(f"http://127.0.0.1:{port}")
    assert (row.error, row.status, row.first) == ("connect", None, None)
    assert "Connection refused" in row.message
    (row,) = sent("http://no-such-host.invalid:1")
    assert row.error == "connect"
    assert "no-such-host.invalid" in row.message


def reset(plug: socket.socket) -> None:
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    plug.close()


def reset_at_once(plug: socket.socket, _asked: bytes) -> None:
    reset(plug)


def reset_later(plug: socket.socket, _asked: bytes) -> None:
    plug.sendall(HEAD + TOKEN)
    time.sleep(0.1)
    reset(plug)


def closed_at_once(_plug: socket.socket, _asked: bytes) -> None:
    return None


def hang(plug: socket.socket, _asked: bytes) -> None:
    plug.recv(1)


def refuse(plug: socket.socket, _asked: bytes) -> None:
    plug.sendall(b"HTTP/1.1 400 No\r\nContent-Length: 7\r\n\r\ntoo big")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reset_at_once, "reset"),
        (closed_at_once, "reset"),
        (reset_later, "cut"),
        (hang, "timeout"),
        (refuse, "http_4xx"),
    ],
)
def test_how_a_connection_ends(answer: Answer, error: str) -> None:
    with server(answer) as port:
        (row,) = sent(f"http://127.0.0.1:{port}", timeout=1.0)
    assert row.error == error
    assert row.message


def test_a_request_larger_than_the_buffers_goes_out_in_pieces() -> None:
    words = "word " * 2_000_000

    def slowly(plug: socket.socket, asked: bytes) -> None:
        assert json.loads(asked.partition(b"\r\n\r\n")[2])["messages"][0]["content"] == words
        good(plug, asked)

    with server(slowly) as port:
        (row,) = sent(f"http://127.0.0.1:{port}", prompt=words)
    assert row.error is None


def test_a_busy_client_does_not_make_an_answer_later() -> None:
    """Its token arrives while the client does something else: the time is that of the arrival."""
    if not wire._TIMESTAMP:
        pytest.skip("no time stamps of the kernel here")
    arrived = threading.Event()

    def answer(plug: socket.socket, _asked: bytes) -> None:
        plug.sendall(HEAD + TOKEN)
        arrived.set()
        plug.sendall(END)

    async def load(port: int) -> tuple[Row, float]:
        work = job(Endpoint(f"http://127.0.0.1:{port}", "m"), closed(1))
        start = time.monotonic()
        async with Client(work, lambda n: None) as client:
            task = asyncio.create_task(client.send(Ask(0, 0, "measure", "hello", 1, 2), start))
            await asyncio.sleep(0)  # it goes out
            assert arrived.wait(PATIENCE)
            seen = time.monotonic() - start
            time.sleep(0.2)  # the client is busy
            return await task, seen

    with server(answer) as port, wire.stamping(), asyncio.Runner(loop_factory=Loop) as runner:
        row, seen = runner.run(load(port))
    assert row.first is not None
    assert row.sent < row.first < seen + 0.1 < row.ended


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of our own, for 127.0.0.1; key and certificate in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate")
    made = tmp_path / "both.pem"
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    asked = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(["openssl", *asked.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
    made.write_bytes(key.read_bytes() + cert.read_bytes())
    return made


def test_tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with server(good, context=context) as port:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.parent / "cert.pem"))
        rows = sent(f"https://127.0.0.1:{port}", times=2)
        assert [(row.error, row.output_tokens) for row in rows] == [(None, 2)] * 2
        assert all(row.first is not None and row.sent < row.first <= row.ended for row in rows)
        monkeypatch.delenv("SSL_CERT_FILE")
        (row,) = sent(f"https://127.0.0.1:{port}")
    assert row.error == "connect"
    assert "certificate" in row.message.lower()


def test_a_level_that_is_given_up_leaves_no_connection(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.parent / "cert.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def load(url: str) -> Row:
        work = replace(job(Endpoint(url, "m"), closed(1)), seed=1)
        async with Client(work, lambda n: None) as client:
            task = asyncio.create_task(client.send(Ask(0, 0, "measure", "hello", 1, 2), time.monotonic()))
            await asyncio.sleep(0.3)
            task.cancel()
            return await task

    for secure in (None, context):
        with server(hang, context=secure) as port, asyncio.Runner(loop_factory=Loop) as runner:
            row = runner.run(load(f"{'https' if secure else 'http'}://127.0.0.1:{port}"))
        assert row.error == "lost"  # and the server's thread ended: it had seen the connection close
