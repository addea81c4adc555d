"""What the shim saw of a request, as a row. Pure: genai-bench's own verdict counts only where it is one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.loadgens import Row
from runner.util.redact import redact

LOST, GIVEN_UP = -2, -3
"""Codes of the shim: genai-bench lost the request; the level was given up while it was on its way."""
_MESSAGE = 300
_REFUSED = ("Failed to establish a new connection", "NewConnectionError", "ConnectTimeoutError", "Connection refused")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was handed over. Lengths are tokens."""

    number: int
    kind: str
    prompt: int
    output: int  # 0: an embedding, which comes in one piece


@dataclass(frozen=True, slots=True)
class Ending:
    """How a stream ended, by its last lines."""

    finish: str | None
    usage: Mapping[str, Any]
    done: bool
    content: int  # chunks that had any

    @property
    def complete(self) -> bool:
        """Whether the stream said that it was over. genai-bench takes one that just ends for a success."""
        return self.finish is not None or (self.done and bool(self.usage))


def ending(opening: str, last: Sequence[str], chunks: int) -> Ending:
    """`last` are the last lines of `chunks` in all; those between them and the first one are taken for content."""
    finish: str | None = None
    usage: Mapping[str, Any] = {}
    done, empty = False, 0
    for line in last if chunks <= len(last) else [opening, *last]:
        text = line.removeprefix("data:").strip()
        if not line.startswith("data:") or text == "[DONE]":
            done, empty = done or text == "[DONE]", empty + 1
            continue
        try:
            chunk = json.loads(text)
            choices = chunk.get("choices") or [{}]
            finish = choices[0].get("finish_reason") or finish
            delta = choices[0].get("delta") or {}
            usage = chunk.get("usage") or usage
        except (ValueError, AttributeError, KeyError, IndexError, TypeError):
            empty += 1
            continue
        if not (delta.get("content") or delta.get("reasoning_content") or delta.get("reasoning")):
            empty += 1
    return Ending(finish, usage, done, max(0, chunks - empty))


def _whole(seen: Mapping[str, Any]) -> Ending:
    """Of an answer that is no stream."""
    return Ending(None, {"prompt_tokens": seen["prompt"], "completion_tokens": 0}, True, 0)


def row_of(seen: Mapping[str, Any], asked: Asked, position: int, start: float) -> Row:
    """The row of a request; times count from `start`, both on the monotonic clock, which processes share."""
    ended = ending(seen["opening"], seen["last"], seen["chunks"]) if asked.output else _whole(seen)
    error, message = _verdict(seen, ended)
    counted = ended.usage.get("completion_tokens")
    reasoned = (ended.usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
    sent = seen["sent"] or seen["now"]
    last = seen["end"] if error is None else None

    def since(moment: float | None) -> float | None:
        return None if moment is None else round(moment - start, 6)

    return Row(
        position=position,
        number=asked.number,
        kind=asked.kind,
        intended=round(sent - start, 6),
        sent=round(sent - start, 6),
        first=since(seen["first"]) if asked.output else None,
        last=since(last),
        ended=round((seen["end"] or seen["now"]) - start, 6),
        asked_prompt=asked.prompt,
        prompt_tokens=ended.usage.get("prompt_tokens"),
        asked_output=asked.output,
        output_tokens=int(counted) if counted is not None else ended.content,
        tokens_from="usage" if counted is not None else "chunks",
        finish=ended.finish,
        status=seen["status"],
        error=error,
        message=redact(message)[:_MESSAGE],
        reasoning_tokens=reasoned,
    )


def lost_row(asked: Asked, position: int, at: float, message: str, error: str = "lost") -> Row:
    """Of a request of which nothing is known but that it has no answer."""
    moment = round(at, 6)
    return Row(
        position, asked.number, asked.kind, moment, moment, None, None, moment, asked.prompt, None, asked.output, 0,
        "chunks", None, None, error, redact(message)[:_MESSAGE],
    )  # fmt: skip


def _verdict(seen: Mapping[str, Any], ended: Ending) -> tuple[str | None, str]:
    code, status, said = seen["code"], seen["status"], str(seen["error"])
    if code == GIVEN_UP:
        return ("cancelled", "") if seen["chunks"] else ("lost", "")
    if code == LOST:
        return "lost", f"genai-bench lost it: {said}"
    if code == 408 or "Read timed out" in said:
        return "timeout", said
    if status is not None and status != 200:
        return ("http_429" if status == 429 else f"http_{status // 100}xx"), said
    if code != 200:
        if status is None:
            return ("connect" if any(sign in said for sign in _REFUSED) else "reset"), said
        return ("cut" if seen["broke"] else "server_error"), said
    if not ended.complete:
        return "cut", "the stream ended without finish reason"
    if seen["first"] is None:
        return "empty", "the answer holds no token"
    return None, ""
