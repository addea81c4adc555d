"""One streaming request, from its body to its row."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp

from runner.loadgens import Job, Row
from runner.loadgens.native.embeddings import embedded
from runner.loadgens.native.stream import Answer, Malformed, ServerError
from runner.util.redact import hide, redact

_PATHS = {"chat": "/v1/chat/completions", "completions": "/v1/completions"}
_EMBEDDINGS = "/v1/embeddings"
_MESSAGE_LENGTH = 300
_READ = 2**16


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to send. `number` counts within its level and kind; `prompt` is text, `asked_*` are tokens."""

    position: int
    number: int
    kind: str
    prompt: str
    asked_prompt: int
    asked_output: int

    @property
    def id(self) -> str:
        return f"l{self.position}-{self.kind[0]}-{self.number}"


class Client:
    """A context manager around one HTTP session. `on_token(n)` is told of every n chunks with content."""

    def __init__(self, job: Job, on_tokens: Callable[[int], None]) -> None:
        self._job = job
        self._on_tokens = on_tokens
        self._url = job.endpoint.base_url + (_EMBEDDINGS if job.task == "embeddings" else _PATHS[job.api])
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Client:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self._job.endpoint.api_key:
            hide(self._job.endpoint.api_key)  # a server may repeat it in an error
            headers["Authorization"] = f"Bearer {self._job.endpoint.api_key}"
        # A new connection for each request: a kept one occupies a thread of engines that serve a connection per
        # thread, so that users beyond the pool starve; and the server may close an idle one just as we reuse it.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        # trust_env stays off: a proxy between us and the engine would be measured too.
        self._session = aiohttp.ClientSession(
            connector=connector, headers=headers, timeout=aiohttp.ClientTimeout(total=None), read_bufsize=2**18
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

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
        assert self._session is not None
        data = self.body(ask)
        answer = Answer()
        status: list[int] = []
        sent = time.monotonic()
        error: str | None = None
        message = ""
        try:
            async with asyncio.timeout(self._job.each_level.request_timeout):
                error, message = await self._exchange(ask, data, answer, status)
        except TimeoutError:
            error, message = "timeout", f"no end after {self._job.each_level.request_timeout:g} s"
        except asyncio.CancelledError:
            # The level was given up. The row is the answer to that; whoever called sees it in `storm.broke`.
            error = "cancelled" if answer.times else "lost"
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        except (aiohttp.ClientError, OSError, Malformed, ServerError) as caught:
            error = _kind(caught, began=bool(status))
            message = f"{type(caught).__name__}: {caught}"
        ended = time.monotonic()
        return _row(ask, answer, start, intended or sent, sent, ended, status, error, message)

    async def _exchange(self, ask: Ask, data: bytes, answer: Answer, status: list[int]) -> tuple[str | None, str]:
        """Fill `answer` and `status`. Returns the error kind and message of an answer that came but is no answer."""
        assert self._session is not None
        async with self._session.post(self._url, data=data, headers={"X-Request-Id": ask.id}) as response:
            status.append(response.status)
            if response.status != 200:
                text = (await response.read())[:_READ].decode(errors="replace")  # `_row` redacts, then cuts
                return _http_kind(response.status), text
            if self._job.task == "embeddings":
                return embedded(answer, await response.read(), time.monotonic())
            async for chunk in response.content.iter_any():
                before = len(answer.times)
                answer.feed(chunk, time.monotonic())
                if len(answer.times) > before:
                    self._on_tokens(len(answer.times) - before)
            answer.close(time.monotonic())
        if not answer.complete:
            return "cut", "the stream ended without finish reason"
        if not answer.times:
            return "empty", "the answer holds no token"
        return None, ""


def _http_kind(status: int) -> str:
    if status == 429:
        return "http_429"
    return f"http_{status // 100}xx"


def _kind(error: Exception, *, began: bool) -> str:
    if isinstance(error, Malformed):
        return "malformed"
    if isinstance(error, ServerError):
        return "server_error"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connect"
    return "cut" if began else "reset"


def _row(
    ask: Ask,
    answer: Answer,
    start: float,
    intended: float,
    sent: float,
    ended: float,
    status: list[int],
    error: str | None,
    message: str,
) -> Row:
    times = tuple(round(moment - start, 6) for moment in answer.times)
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
        status=status[0] if status else None,
        error=error,
        message=redact(message)[:_MESSAGE_LENGTH],
        token_times=times,
        server_prompt_seconds=answer.prompt_seconds,
        reasoning_tokens=answer.reasoning_tokens,
        answered=None if answer.answered is None else round(answer.answered - start, 6),
    )
