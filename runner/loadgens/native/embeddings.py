"""What an answer of /v1/embeddings says: one piece, in which only its usage and its being there count."""

from __future__ import annotations

import json

from runner.loadgens.native.stream import Answer, Malformed, ServerError


def embedded(answer: Answer, data: bytes, now: float) -> tuple[str | None, str]:
    """Fill `answer` from the whole of `data`, which had come at `now`. Returns the error kind and message of one
    without an embedding. Raises Malformed, ServerError."""
    try:
        said = json.loads(data)
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(said, dict):
        raise Malformed(f"not an object but {type(said).__name__}")
    if wrong := said.get("error"):
        raise ServerError(str(wrong.get("message") or wrong) if isinstance(wrong, dict) else str(wrong))
    answer.finish, answer.last, answer.completion_tokens = "stop", now, 0
    answer.prompt_tokens = (said.get("usage") or {}).get("prompt_tokens")
    if not any(one.get("embedding") for one in said.get("data") or () if isinstance(one, dict)):
        return "empty", "the answer holds no embedding"
    return None, ""
