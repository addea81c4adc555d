"""One streaming request, from its body to its row."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

from runner.loadgens import Job, Row
from runner.loadgens._requests.asks import Ask
from runner.loadgens.native import http
from runner.loadgens.native.embeddings import embedded
from runner.loadgens.native.stream import Answer, Malformed, ServerError
from runner.loadgens.native.wire import Address, NotConnected, PlainWire, SecureWire, Wire, resolve
from runner.util.redact import hide, redact

_PATHS = {"chat": "/v1/chat/completions", "completions": "/v1/completions"}
_EMBEDDINGS = "/v1/embeddings"
_MESSAGE_LENGTH = 300
_READ = 2**16
_EMBEDDING = 2**24
"""Bytes of an answer that are read at most: of an error, of an embedding."""
_SIZES = {b"%x\r\n" % size: size for size in range(1, 4096)}
"""The size lines of the chunked encoding, as nearly every server writes them."""


class Client:
    """A context manager around what the requests of a level share. `on_tokens(n)` is told of every n chunks with
    content. Raises ValueError for an endpoint without an http(s) URL."""

    def __init__(self, job: Job, on_tokens: Callable[[int], None]) -> None:
        self._job = job
        self._whole = job.task == "embeddings"
        self.on_tokens = on_tokens
        self._url = http.Url(job.endpoint.base_url + (_EMBEDDINGS if self._whole else _PATHS[job.api]))
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
            "User-Agent": "tunebook",
            # A new connection for each request: a kept one occupies a thread of engines that serve a connection per
            # thread, so that users beyond the pool starve; and the server may close an idle one just as we reuse it.
            "Connection": "close",
        }
        if job.endpoint.api_key:
            hide(job.endpoint.api_key)  # a server may repeat it in an error
            headers["Authorization"] = f"Bearer {job.endpoint.api_key}"
        self._head = http.head(self._url, headers)
        self._addresses: list[Address] = []
        self._tls = ssl.create_default_context() if self._url.secure else None

    async def __aenter__(self) -> Client:
        if self._tls is None:
            with suppress(OSError):  # a name that nobody knows: each request says so
                self._addresses = await resolve(self._url.host, self._url.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def body(self, ask: Ask) -> bytes:
        job = self._job
        if job.task == "embeddings":
            return json.dumps({"model": job.endpoint.model, "input": ask.prompt}).encode()
        content: dict[str, Any] = (
            {"messages": [{"role": "user", "content": ask.prompt}]} if job.api == "chat" else {"prompt": ask.prompt}
        )
        options: dict[str, Any] = {
            "model": job.endpoint.model,
            "max_tokens": ask.asked_output,
            "temperature": job.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if job.ignore_eos:
            options |= job.endpoint.ignore_eos
        return json.dumps(content | options).encode()

    async def send(self, ask: Ask, start: float, intended: float | None = None) -> Row:
        """Send one request and wait for its end, at most for the request timeout counted from the real send.

        `start` is the beginning of the level and `intended` when the request should have been sent, both on the
        monotonic clock. Always returns a row; a cancelled one (the level was given up) is `lost` when no answer
        had come and `cancelled` when it had begun.
        """
        loop = asyncio.get_running_loop()
        timeout = self._job.each_level.request_timeout
        out = http.request(self._head, ask.id, self.body(ask))
        exchange = Exchange(loop.create_future(), self.on_tokens, whole=self._whole)
        sent = time.monotonic()
        wire = self._connect(out, exchange)
        deadline = loop.call_later(timeout, exchange.expire, timeout)
        try:
            await exchange.done
        except asyncio.CancelledError:
            # The level was given up. The row is the answer to that; whoever called sees it in `storm.broke`.
            exchange.error = "cancelled" if exchange.answer.chunks else "lost"
            exchange.message = ""
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        finally:
            deadline.cancel()
            wire.close()
            exchange.free()
        return _row(ask, exchange, start, intended or sent, sent, time.monotonic())

    def _connect(self, out: bytes, exchange: Exchange) -> Wire:
        """Open the connection on which `exchange` happens. What goes wrong, `exchange` is told."""
        if self._tls is None:
            return PlainWire(self._addresses, self._url.authority, out, exchange)
        return SecureWire(self._url.host, self._url.port, self._tls, out, exchange)


class Exchange:
    """A request on its wire: what came back so far, and how it ended. `done` is resolved at its end, once. `whole`: its
    answer is no stream but one piece, an embedding."""

    __slots__ = ("_next", "_on_tokens", "_response", "_text", "_whole", "answer", "done", "error", "message")

    def __init__(self, done: asyncio.Future[None], on_tokens: Callable[[int], None], *, whole: bool = False) -> None:
        self.done = done
        self._whole = whole
        self.answer = Answer()
        self.error: str | None = None
        self.message = ""
        self._text = b""  # of an answer that is no stream
        self._response = http.Response()
        self._next = False  # whether the next read may be read the short way
        self._on_tokens = on_tokens

    @property
    def status(self) -> int | None:
        return self._response.status

    def got(self, data: bytes, now: float) -> None:
        """Bytes that arrived at `now`."""
        answer = self.answer
        if self._next:  # by far the most reads: one token in one event in one chunk
            begin, end = data.find(b"\n") + 1, len(data) - 2
            whole = _SIZES.get(data[:begin]) == end - begin and data.endswith(b"\r\n")
            if whole and answer.one_more(data, begin, end, now):
                self._on_tokens(1)
                return
        if self.done.done():
            return
        response = self._response
        try:
            body = response.feed(data)
            if response.status == 200 and not self._whole:
                before = answer.chunks
                answer.feed(body, now)
                if answer.chunks > before:
                    self._on_tokens(answer.chunks - before)
            elif len(self._text) < (_EMBEDDING if response.status == 200 else _READ):
                self._text += body
            self._next = response.between and answer.between and answer.before != b""
            if response.over:
                self._end(now)
        except (http.NotHttp, Malformed, ServerError) as error:
            self._fail(_kind(error), f"{type(error).__name__}: {error}")

    def lost(self, error: Exception | None) -> None:
        """The connection is gone: closed by the server (None), broken, or never there."""
        if self.done.done():
            return
        if error is None:
            self._response.end()
        try:
            if self._response.over or (self.status is not None and self.status != 200):
                self._end(time.monotonic())
                return
        except (Malformed, ServerError) as bad:
            self._fail(_kind(bad), f"{type(bad).__name__}: {bad}")
            return
        what = f"{type(error).__name__}: {error}" if error else "the server closed the connection"
        if isinstance(error, NotConnected):
            self._fail("connect", what)
        elif self.status is None:
            self._fail("reset", f"{what}, before an answer")
        else:
            self._fail("cut", f"{what}, within its answer")

    def expire(self, seconds: float) -> None:
        """Its deadline has passed."""
        if not self.done.done():
            self._fail("timeout", f"no end after {seconds:g} s")

    def _end(self, now: float) -> None:
        """The response is over: is it an answer?"""
        if self.status is not None and self.status != 200:
            self._fail(_http_kind(self.status), self._text[:_READ].decode(errors="replace"))  # `_row` redacts and cuts
            return
        if self._whole:
            kind, message = embedded(self.answer, self._text, now)
            self._fail(kind, message) if kind else self._over()
            return
        before = self.answer.chunks
        self.answer.close(now)
        self._on_tokens(self.answer.chunks - before)
        if not self.answer.complete:
            self._fail("cut", "the stream ended without finish reason")
        elif not self.answer.chunks:
            self._fail("empty", "the answer holds no token")
        else:
            self._over()

    def _over(self) -> None:
        self._next = False
        self.done.set_result(None)

    def _fail(self, kind: str, message: str) -> None:
        self.error, self.message = kind, message
        self._over()

    def free(self) -> None:
        """Nothing comes any more."""
        self._response.free()


def _http_kind(status: int) -> str:
    if status == 429:
        return "http_429"
    return f"http_{status // 100}xx"


def _kind(error: Exception) -> str:
    return "server_error" if isinstance(error, ServerError) else "malformed"


def _row(ask: Ask, exchange: Exchange, start: float, intended: float, sent: float, ended: float) -> Row:
    answer = exchange.answer
    times = tuple([round(moment - start, 6) for moment in answer.times])
    counted = answer.completion_tokens
    return Row(
        position=ask.position,
        number=ask.number,
        kind=ask.kind,
        intended=round(intended - start, 6),
        sent=round(sent - start, 6),
        first=times[0] if times else None,
        last=times[-1] if times else None if answer.last is None else round(answer.last - start, 6),
        ended=round(ended - start, 6),
        asked_prompt=ask.asked_prompt,
        prompt_tokens=answer.prompt_tokens,
        asked_output=ask.asked_output,
        output_tokens=counted if counted is not None else len(times),
        tokens_from="usage" if counted is not None else "chunks",
        finish=answer.finish,
        status=exchange.status,
        error=exchange.error,
        message=redact(exchange.message)[:_MESSAGE_LENGTH] if exchange.message else "",
        token_times=times,
        server_prompt_seconds=answer.prompt_seconds,
        reasoning_tokens=answer.reasoning_tokens,
        answered=None if answer.answered is None else round(answer.answered - start, 6),
    )
