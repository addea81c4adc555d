"""`python -m runner.loadgens._answers JOB ANSWERS`: ask each prompt once, one after the other, at temperature 0.

A process of its own, as every load generator: whoever started it watches the engine, the clock and the stop flag
meanwhile, and ends it when one of them says so. Each answer is a line of JSON, flushed: what a killed child leaves is
good. Not streamed, and one at a time: engines that batch requests may add numbers in another order when several run.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.domain.answers import Answer, Prompt, Token
from runner.domain.trial import Endpoint
from runner.util import codec, net
from runner.util.redact import hide, redact

TOP = 3
"""Most likely tokens asked for at each place. Where two engines part, one of these is mostly what the other said."""
TIMEOUT = "timeout"
"""The error of an answer that did not come within `request_timeout`; nothing is asked after it."""
_CHAT, _PLAIN = "/v1/chat/completions", "/v1/completions"
_MESSAGE = 200


@dataclass(frozen=True, slots=True)
class AnswersJob:
    """`api` is chat or completions; `request_timeout` is seconds for one answer."""

    endpoint: Endpoint
    api: str
    prompts: tuple[Prompt, ...]
    max_tokens: int
    seed: int
    request_timeout: float


def main(argv: list[str]) -> int:
    threading.Thread(target=_end_with_the_driver, daemon=True).start()
    job = codec.from_json(AnswersJob, Path(argv[0]).read_bytes())
    if job.endpoint.api_key:
        hide(job.endpoint.api_key)
    asker = _Asker(job)
    with Path(argv[1]).open("a", encoding="utf-8") as out:
        for prompt in job.prompts:
            answer = asker.ask(prompt)
            out.write(json.dumps(codec.to_plain(answer), ensure_ascii=False) + "\n")
            out.flush()
            if answer.error == TIMEOUT:
                break  # it hangs: to ask on would cost that time again for each prompt
    return 0


def _end_with_the_driver() -> None:
    """Its end of our stdin is closed when it is gone, however it went."""
    sys.stdin.read()
    os._exit(0)


class _Asker:
    """Knows whether the engine takes a request for log-probabilities: where it refuses one, none is made any more."""

    def __init__(self, job: AnswersJob) -> None:
        self.job = job
        self.with_logprobs = True
        key = job.endpoint.api_key
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def ask(self, prompt: Prompt) -> Answer:
        began = time.monotonic()
        status, said = self._post(prompt)
        if status == 0 and time.monotonic() - began >= self.job.request_timeout:
            return Answer(prompt.name, error=TIMEOUT)
        if self.with_logprobs and 400 <= status < 500 and status != 429:
            self.with_logprobs = False
            status, said = self._post(prompt)
        if status != 200:
            words = redact(said.decode(errors="replace"))[:_MESSAGE]
            return Answer(prompt.name, error=f"HTTP {status} {words}" if status else words)
        try:
            return _read(prompt.name, json.loads(said), chat=self.job.api == "chat")
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            return Answer(prompt.name, error=f"not an answer: {error!r}"[:_MESSAGE])

    def _post(self, prompt: Prompt) -> tuple[int, bytes]:
        """Status and body; status 0 with the reason when nobody answered."""
        chat = self.job.api == "chat"
        body: dict[str, Any] = {
            "model": self.job.endpoint.model,
            "max_tokens": self.job.max_tokens,
            "temperature": 0,
            "seed": self.job.seed,
            "stream": False,
        }
        body |= {"messages": [{"role": "user", "content": prompt.text}]} if chat else {"prompt": prompt.text}
        if self.with_logprobs:
            body |= {"logprobs": True, "top_logprobs": TOP} if chat else {"logprobs": TOP}
        headers = {**self.headers, "X-Request-Id": f"q-{prompt.name}"}
        try:
            url = self.job.endpoint.base_url + (_CHAT if chat else _PLAIN)
            return net.post_json(url, body, self.job.request_timeout, headers)
        except net.NoAnswer as error:
            return 0, str(error).encode()


def _read(name: str, said: Mapping[str, Any], *, chat: bool) -> Answer:
    choice = said["choices"][0]
    message = choice["message"] if chat else {"content": choice["text"]}
    text = str(message.get("content") or message.get("reasoning_content") or "")
    given = choice.get("logprobs") or {}
    tokens = _chat_tokens(given.get("content")) if chat else _plain_tokens(given)
    return Answer(name, text, tokens, choice.get("finish_reason"))


def _chat_tokens(content: Any) -> tuple[Token, ...]:
    return tuple(
        Token(
            str(one["token"]),
            _finite(one.get("logprob")),
            _likely((top["token"], top.get("logprob")) for top in one.get("top_logprobs") or ()),
        )
        for one in content or ()
    )


def _plain_tokens(given: Mapping[str, Any]) -> tuple[Token, ...]:
    """The older form: lists beside each other. llama.cpp answers in the form of a chat here too."""
    if given.get("content"):
        return _chat_tokens(given["content"])
    texts, values = given.get("tokens") or [], given.get("token_logprobs") or []
    tops = given.get("top_logprobs") or [{}] * len(texts)
    return tuple(
        Token(str(text), _finite(value), _likely((top or {}).items()))
        for text, value, top in zip(texts, values, tops, strict=False)
    )


def _likely(pairs: Any) -> dict[str, float]:
    found = {str(text): _finite(value) for text, value in pairs}
    return {text: value for text, value in found.items() if value is not None}


def _finite(value: Any) -> float | None:
    """Engines write the logarithm of 0 as null, as -9999 or as the least number there is."""
    return round(float(value), 6) if value is not None and float(value) > -9000 else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
