"""A request on its wire: what came back, read when there is time, and how it ended.

Bytes come with the time of their arrival, so nothing is lost by reading them later, and much is won: a process that
wakes up for one token and reads it there and then does so with cold caches. Pieces that look like one more token are
put aside and read together, at the latest when somebody wants to know how many there are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from runner.loadgens.native import http
from runner.loadgens.native.embeddings import embedded
from runner.loadgens.native.stream import PLAIN, Answer, Malformed, ServerError
from runner.loadgens.native.wire import NotConnected

_READ = 2**16
_EMBEDDING = 2**24
"""Bytes of an answer that are read at most: of an error, of an embedding."""
_LINE = b"\r\n"
_UNKNOWN = b"\0"
"""No piece of a stream ends so, or begins so."""


class Exchange:
    """`done` is resolved at its end, once. `whole`: its answer is no stream but one piece, an embedding.
    `on_tokens(n)` is told of every n chunks with content when they are read."""

    __slots__ = (
        "_aside", "_ended", "_heads", "_on_tokens", "_response", "_tail", "_text", "_told", "_whole", "answer", "done",
        "error", "message",
    )  # fmt: skip

    def __init__(self, done: asyncio.Future[None], on_tokens: Callable[[int], None], *, whole: bool = False) -> None:
        self.done = done
        self._whole = whole
        self.answer = Answer()
        self.error: str | None = None
        self.message = ""
        self._text = b""  # of an answer that is no stream
        self._response = http.Response()
        self._on_tokens = on_tokens
        self._told = 0
        self._ended = False  # `done` says it too, but is also done when whoever waits for it was cancelled
        self._aside: list[tuple[bytes, float]] = []  # what came and is not read
        self._tail = _UNKNOWN  # how a piece ends that is one more token,
        self._heads: dict[int, bytes] = {}  # and how it begins, by its length

    @property
    def status(self) -> int | None:
        return self._response.status

    def got(self, data: bytes, now: float) -> None:
        """Bytes that arrived at `now`."""
        self._aside.append((data, now))
        if not data.endswith(self._tail):
            self.read()

    def read(self) -> None:
        """Read what was put aside."""
        aside = self._aside
        if not aside:
            return
        self._aside = []
        stamps, heads = self.answer.stamps, self._heads
        for data, now in aside:
            length = len(data)
            head = heads.get(length) or self._head(length)
            # By far the most: one token in one event in one chunk.
            if data.startswith(head) and data.endswith(self._tail) and PLAIN(data, len(head), length - len(self._tail)):
                stamps.append(now)
                continue
            if self._ended:
                break
            self._take(data, now)
        self._tell()

    def _tell(self) -> None:
        if self.answer.chunks > self._told:
            self._on_tokens(self.answer.chunks - self._told)
            self._told = self.answer.chunks

    def _take(self, data: bytes, now: float) -> None:
        """The long way."""
        answer, response = self.answer, self._response
        try:
            body = response.feed(data)
            if response.status == 200 and not self._whole:
                answer.feed(body, now)
            elif len(self._text) < (_EMBEDDING if response.status == 200 else _READ):
                self._text += body
            plain = response.between and answer.between and answer.before != b""
            self._tail = answer.after + _LINE if plain else _UNKNOWN
            self._heads.clear()
            if response.over:
                self._end(now)
        except (http.NotHttp, Malformed, ServerError) as error:
            self._fail(_kind(error), f"{type(error).__name__}: {error}")

    def _head(self, length: int) -> bytes:
        """What stands before the text of a piece of that length: the size of the chunk, then of the event what is the
        same in all."""
        if self._tail is _UNKNOWN:
            return _UNKNOWN
        size = length - len(_LINE)
        for digits in (1, 2, 3):
            line = b"%x" % (size - digits - len(_LINE))
            if len(line) == digits:
                break
        return self._heads.setdefault(length, line + _LINE + self.answer.before)

    def lost(self, error: Exception | None) -> None:
        """The connection is gone: closed by the server (None), broken, or never there."""
        self.read()
        if self._ended:
            return
        if error is None:
            self._response.end()
        try:
            if self._response.over or (self.status is not None and self.status != 200):
                self._end(time.monotonic())
                self._tell()
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
        self.read()
        if not self._ended:
            self._fail("timeout", f"no end after {seconds:g} s")

    def cancel(self) -> None:
        """The level was given up, by ourselves."""
        self.read()
        if not self._ended:
            self._fail("cancelled" if self.answer.chunks else "lost", "")

    def _end(self, now: float) -> None:
        """The response is over: is it an answer?"""
        if self.status is not None and self.status != 200:
            self._fail(_http_kind(self.status), self._text[:_READ].decode(errors="replace"))  # `_row` redacts and cuts
            return
        if self._whole:
            kind, message = embedded(self.answer, self._text, now)
            self._fail(kind, message) if kind else self._over()
            return
        self.answer.close(now)
        if not self.answer.complete:
            self._fail("cut", "the stream ended without finish reason")
        elif not self.answer.chunks:
            self._fail("empty", "the answer holds no token")
        else:
            self._over()

    def _over(self) -> None:
        self._tail = _UNKNOWN
        self._ended = True
        if not self.done.done():
            self.done.set_result(None)

    def _fail(self, kind: str, message: str) -> None:
        self.error, self.message = kind, message
        self._over()

    def free(self) -> None:
        """Nothing comes any more."""
        self._aside.clear()
        self._response.free()


def _http_kind(status: int) -> str:
    if status == 429:
        return "http_429"
    return f"http_{status // 100}xx"


def _kind(error: Exception) -> str:
    return "server_error" if isinstance(error, ServerError) else "malformed"
