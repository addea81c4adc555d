"""What the simulated engine understands and says: the OpenAI forms of a request and of its answer."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.simulated.speech import Speech
from runner.simulated.surface import TEMPLATE_TOKENS


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read. One word is one token; a chat adds the template."""

    chat: bool
    prompt_tokens: int
    prompt_sha256: str
    output_tokens: int
    stream: bool
    usage: bool
    ignore_eos: bool
    logprobs: bool = False
    embedding: bool = False


def read_embedding(body: Mapping[str, Any]) -> Asked:
    """Raises ValueError, KeyError or TypeError when it is no request for the embedding of one text."""
    text = body["input"]
    if isinstance(text, list) and len(text) == 1:
        text = text[0]
    if not isinstance(text, str):
        raise TypeError("input must be one text")
    told = hashlib.sha256(text.encode()).hexdigest()
    return Asked(False, len(text.split()) + 1, told, 0, stream=False, usage=True, ignore_eos=False, embedding=True)


def read(body: Mapping[str, Any], *, chat: bool, seed: int) -> Asked:
    """Raises ValueError, KeyError or TypeError when it is no such request."""
    if chat:
        text = " ".join(str(message["content"]) for message in body["messages"])
    else:
        text = str(body["prompt"])
    words = len(text.split())
    limit = int(body.get("max_tokens") or body.get("max_completion_tokens") or 16)
    ignore_eos = bool(body.get("ignore_eos", False))
    # Left alone, the simulated model finds its own end somewhere in the second half.
    output = limit if ignore_eos or limit < 2 else random.Random(f"{seed}/{text}").randint(limit // 2, limit)
    return Asked(
        chat=chat,
        prompt_tokens=words + (TEMPLATE_TOKENS if chat else 1),
        prompt_sha256=hashlib.sha256(text.encode()).hexdigest(),
        output_tokens=output,
        stream=bool(body.get("stream", False)),
        usage=bool((body.get("stream_options") or {}).get("include_usage", not body.get("stream", False))),
        ignore_eos=ignore_eos,
        logprobs=bool(body.get("logprobs")),
    )


def event(payload: Mapping[str, Any] | str) -> bytes:
    """One server-sent event."""
    text = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
    return f"data: {text}\n\n".encode()


class Answer:
    """The chunks of one answer."""

    def __init__(self, asked: Asked, model: str, number: int, speech: Speech) -> None:
        self._asked = asked
        self._speech = speech
        kind = "chat.completion" if asked.chat else "text_completion"
        self._kind = f"{kind}.chunk" if asked.stream and asked.chat else kind
        self._base = {"id": f"sim-{number}", "model": model, "created": 0}

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {**self._base, "object": self._kind, "choices": choices, **more}

    def opening(self) -> bytes:
        """A chat begins with a chunk that names the role and has no content."""
        if not self._asked.chat:
            return b""
        choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
        return event(self._chunk([choice]))

    def token(self, number: int) -> bytes:
        word = self._speech.text(number)
        choice: dict[str, Any] = {"index": 0, "finish_reason": None}
        choice |= {"delta": {"content": word}} if self._asked.chat else {"text": word}
        return event(self._chunk([choice]))

    def finish(self, reason: str) -> bytes:
        choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
        choice["delta" if self._asked.chat else "text"] = {} if self._asked.chat else ""
        return event(self._chunk([choice]))

    def usage(self, tokens: int, prompt_seconds: float) -> bytes:
        return event(self._chunk([], usage=self.counts(tokens), timings=_timings(prompt_seconds)))

    def embedding(self) -> dict[str, Any]:
        data = {"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}
        count = self._asked.prompt_tokens
        usage = {"prompt_tokens": count, "total_tokens": count}
        return {"object": "list", "data": [data], "model": self._base["model"], "usage": usage}

    def counts(self, tokens: int) -> dict[str, int]:
        prompt = self._asked.prompt_tokens
        return {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}

    def whole(self, tokens: int, reason: str, prompt_seconds: float) -> dict[str, Any]:
        """The answer in one piece, for a request that does not stream."""
        text = "".join(self._speech.text(n) for n in range(1, tokens + 1))
        choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
        choice |= {"message": {"role": "assistant", "content": text}} if self._asked.chat else {"text": text}
        if self._asked.logprobs:
            choice["logprobs"] = self._chat_logprobs(tokens) if self._asked.chat else self._plain_logprobs(tokens)
        return self._chunk([choice], usage=self.counts(tokens), timings=_timings(prompt_seconds))

    def _chat_logprobs(self, tokens: int) -> dict[str, Any]:
        said = [self._speech.said(n) for n in range(1, tokens + 1)]
        return {
            "content": [
                {
                    "token": one.text,
                    "logprob": one.logprob,
                    "top_logprobs": [{"token": text, "logprob": value} for text, value in one.others.items()],
                }
                for one in said
            ]
        }

    def _plain_logprobs(self, tokens: int) -> dict[str, Any]:
        said = [self._speech.said(n) for n in range(1, tokens + 1)]
        return {
            "tokens": [one.text for one in said],
            "token_logprobs": [one.logprob for one in said],
            "top_logprobs": [one.others for one in said],
        }


def _timings(prompt_seconds: float) -> dict[str, float]:
    return {"prompt_ms": round(prompt_seconds * 1000, 3)}
