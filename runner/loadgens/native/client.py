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
from runner.loadgens.native.exchange import Exchange
from runner.loadgens.native.wire import Address, PlainWire, SecureWire, Wire, resolve
from runner.util.redact import hide, redact

_PATHS = {"chat": "/v1/chat/completions", "completions": "/v1/completions"}
_EMBEDDINGS = "/v1/embeddings"
_MESSAGE_LENGTH = 300


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
        self._open: set[Exchange] = set()
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

    def read(self) -> None:
        """Read what has come so far, of every request: `on_tokens` knows of it then."""
        for exchange in list(self._open):
            exchange.read()

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
        self._open.add(exchange)
        sent = time.monotonic()
        wire = self._connect(out, exchange)
        deadline = loop.call_later(timeout, exchange.expire, timeout)
        try:
            await exchange.done
        except asyncio.CancelledError:
            # The level was given up. The row is the answer to that; whoever called sees it in `storm.broke`.
            exchange.cancel()
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        finally:
            deadline.cancel()
            wire.close()
            exchange.free()
            self._open.discard(exchange)
        return _row(ask, exchange, start, intended or sent, sent, time.monotonic())

    def _connect(self, out: bytes, exchange: Exchange) -> Wire:
        """Open the connection on which `exchange` happens. What goes wrong, `exchange` is told."""
        if self._tls is None:
            return PlainWire(self._addresses, self._url.authority, out, exchange)
        return SecureWire(self._url.host, self._url.port, self._tls, out, exchange)


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
