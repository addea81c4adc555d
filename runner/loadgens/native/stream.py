"""What an answer says, chunk by chunk. Pure: bytes and times in, an `Answer` out."""

from __future__ import annotations

import json
import re
from array import array
from typing import Any

_MARK, _BLANK = b"data: ", b"\n\n"
PLAIN = re.compile(rb"[ !#-\[\]-~]+").fullmatch
"""The inside of a JSON string that stands for itself: printable ASCII without quotes and backslashes."""
_PROBE = "\u2020probe"
_MOST_TRIES = 8


class Malformed(ValueError):
    """A line of the stream is no JSON object."""


class ServerError(Exception):
    """The server put an error into the stream."""


class Answer:
    """One answer as far as it has come. `times` are those of the chunks with content, of reasoning or of the answer
    itself; `answered` is the first of the latter.

    The chunks of a stream differ in their text only. What stands before and after it is learned from a chunk that was
    read as JSON, and a later one of the same form with plain text between is known to be one more token without being
    read again: that is most of what reading a stream costs.
    """

    __slots__ = (
        "_learned", "_rest", "_tries", "after", "answered", "before", "completion_tokens", "done", "finish", "last",
        "prompt_seconds", "prompt_tokens", "reasoning_tokens", "stamps",
    )  # fmt: skip

    def __init__(self) -> None:
        self.stamps = array("d")
        self.answered: float | None = None
        self.last: float | None = None  # when it was whole, where it came in one piece
        self.reasoning_tokens: int | None = None
        self.finish: str | None = None
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.prompt_seconds: float | None = None
        self.done = False
        self._rest = b""
        self.before = self.after = b""  # an event with one more token, from `data: ` to its blank line, but its text
        self._tries = _MOST_TRIES
        self._learned = 0  # how many chunks there were when a form was learned last

    @property
    def times(self) -> list[float]:
        return self.stamps.tolist()

    @property
    def chunks(self) -> int:
        """How many chunks with content there are."""
        return len(self.stamps)

    @property
    def complete(self) -> bool:
        """Whether the stream said that it was over. A stream that just ends was cut, however cleanly."""
        return self.finish is not None or (self.done and self.completion_tokens is not None)

    def feed(self, data: bytes, now: float) -> None:
        """Take what one read brought at `now`; a line may be split over several.

        Raises Malformed, ServerError."""
        if self._rest:
            data = self._rest + data
        elif self.before and self.one_more(data, 0, len(data), now):
            return
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                if self.before and self.one_more(line + _BLANK, 0, len(line) + 2, now):
                    continue
                self._event(line[5:].strip(), now)

    def close(self, now: float) -> None:
        """The stream ended: what stands in the last line counts although no line end came."""
        if self._rest.startswith(b"data:"):
            self._event(self._rest[5:].strip(), now)
        self._rest = b""

    @property
    def between(self) -> bool:
        """Whether what came so far ends with a line."""
        return not self._rest

    def one_more(self, event: bytes, begin: int, end: int, now: float) -> bool:
        """Take `event[begin:end]` if it is one event that says nothing but one more plain text. Only `between`, and
        with a form that is known (`before`)."""
        before, after = self.before, self.after
        if (
            event.startswith(before, begin)
            and event.endswith(after, begin, end)
            and PLAIN(event, begin + len(before), end - len(after))
        ):
            self.stamps.append(now)
            return True
        return False

    def _event(self, text: bytes, now: float) -> None:
        if text == b"[DONE]":
            self.done = True
            return
        chunk = _object(text)
        if chunk.get("error"):
            raise ServerError(_message(chunk["error"]))
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            if delta.get("content") or choice.get("text"):
                self.stamps.append(now)
                if self.answered is None:
                    self.answered = now
            elif delta.get("reasoning_content") or delta.get("reasoning"):
                self.stamps.append(now)
            self.finish = choice.get("finish_reason") or self.finish
        self._counts(chunk)
        if self._tries:
            self._learn(text, chunk)

    def _learn(self, text: bytes, chunk: dict[str, Any]) -> None:
        """Take `text` as the form of its stream, when it says nothing but one piece of text. A stream whose chunks
        have no common form (counts or numbers in each) is tried a few times and then always read."""
        choices = chunk.get("choices")
        if not choices or len(choices) != 1 or chunk.get("usage") or chunk.get("timings"):
            return
        choice = choices[0]
        said = (choice.get("delta") or {}).get("content") or choice.get("text")
        if not isinstance(said, str) or choice.get("finish_reason"):
            return
        quoted = b'"%s"' % said.encode()
        if not PLAIN(quoted, 1, len(quoted) - 1) or text.count(quoted) != 1:
            return
        self._tries = _MOST_TRIES if len(self.stamps) - self._learned > _MOST_TRIES else self._tries - 1
        self._learned = len(self.stamps)
        before, after = text.split(quoted)
        # That the text stands there, and nowhere else, is proven: with another one in its place only it differs.
        changed = json.loads(b'%s"%s"%s' % (before, _PROBE.encode(), after))
        key = choice["delta"] if choice.get("delta") else choice
        name = "content" if choice.get("delta") else "text"
        key[name] = _PROBE
        if changed == chunk:
            self.before, self.after = _MARK + before + b'"', b'"' + after + _BLANK

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


def _object(text: bytes) -> dict[str, Any]:
    try:
        chunk = json.loads(text)
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(chunk, dict):
        raise Malformed(f"not an object but {type(chunk).__name__}")
    return chunk


def _message(error: Any) -> str:
    if isinstance(error, dict):
        return str(error.get("message") or error)
    return str(error)
