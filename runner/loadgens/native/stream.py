"""What an answer says, chunk by chunk. Pure: bytes and times in, an `Answer` out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


class Malformed(ValueError):
    """A line of the stream is no JSON object."""


class ServerError(Exception):
    """The server put an error into the stream."""


@dataclass(slots=True)
class Answer:
    """One answer as far as it has come. `times` are those of the chunks with content, of reasoning or of the answer
    itself; `answered` is the first of the latter."""

    times: list[float] = field(default_factory=list)
    answered: float | None = None
    last: float | None = None  # when it was whole, where it came in one piece
    reasoning_tokens: int | None = None
    finish: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_seconds: float | None = None
    done: bool = False
    _rest: bytes = b""

    @property
    def complete(self) -> bool:
        """Whether the stream said that it was over. A stream that just ends was cut, however cleanly."""
        return self.finish is not None or (self.done and self.completion_tokens is not None)

    def feed(self, data: bytes, now: float) -> None:
        """Take what one read brought at `now`; a line may be split over several.

        Raises Malformed, ServerError."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._event(line[5:].strip(), now)

    def close(self, now: float) -> None:
        """The stream ended: what stands in the last line counts although no line end came."""
        if self._rest.startswith(b"data:"):
            self._event(self._rest[5:].strip(), now)
        self._rest = b""

    def _event(self, text: bytes, now: float) -> None:
        if text == b"[DONE]":
            self.done = True
            return
        try:
            chunk = json.loads(text)
        except ValueError as error:
            raise Malformed(f"not JSON: {error}") from error
        if not isinstance(chunk, dict):
            raise Malformed(f"not an object but {type(chunk).__name__}")
        if chunk.get("error"):
            raise ServerError(_message(chunk["error"]))
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            if delta.get("content") or choice.get("text"):
                self.times.append(now)
                if self.answered is None:
                    self.answered = now
            elif delta.get("reasoning_content") or delta.get("reasoning"):
                self.times.append(now)
            self.finish = choice.get("finish_reason") or self.finish
        self._counts(chunk)

    def _counts(self, chunk: dict[str, Any]) -> None:
        usage = chunk.get("usage")
        if usage:  # engines that send usage with every chunk: the last one counts
            self.prompt_tokens = usage.get("prompt_tokens", self.prompt_tokens)
            self.completion_tokens = usage.get("completion_tokens", self.completion_tokens)
            details = usage.get("completion_tokens_details") or {}
            self.reasoning_tokens = details.get("reasoning_tokens", self.reasoning_tokens)
        timings = chunk.get("timings")
        if timings and "prompt_ms" in timings:  # llama.cpp
            self.prompt_seconds = timings["prompt_ms"] / 1000


def _message(error: Any) -> str:
    if isinstance(error, dict):
        return str(error.get("message") or error)
    return str(error)
