"""Reading a stream: however the bytes are cut, the answer is the same."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.loadgens.native.stream import Answer, Malformed, ServerError


def event(**chunk: Any) -> bytes:
    return f"data: {json.dumps(chunk)}\n\n".encode()


def delta(**content: Any) -> bytes:
    return event(choices=[{"index": 0, "delta": content, "finish_reason": None}])


USAGE = event(choices=[], usage={"prompt_tokens": 9, "completion_tokens": 3}, timings={"prompt_ms": 12.5})
STREAM = (
    delta(role="assistant", content="")
    + delta(content="Grüße")
    + b": a comment, as a heartbeat\r\n\r\n"
    + delta(reasoning_content="hm")
    + delta(content=" x")
    + event(choices=[{"index": 0, "delta": {}, "finish_reason": "length"}])
    + USAGE
    + b"data: [DONE]\n\n"
)


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=12))
def test_where_the_reads_cut_the_stream_does_not_matter(cuts: list[int]) -> None:
    answer = Answer()
    edges = [0, *sorted(set(cuts)), len(STREAM)]
    for now, (start, stop) in enumerate(itertools.pairwise(edges)):
        answer.feed(STREAM[start:stop], float(now))
    answer.close(99.0)
    assert len(answer.times) == 3
    assert answer.times == sorted(answer.times)
    assert (answer.finish, answer.prompt_tokens, answer.completion_tokens) == ("length", 9, 3)
    assert answer.prompt_seconds == 0.0125
    assert answer.complete


def test_a_chunk_has_the_time_of_the_read_that_finished_its_line() -> None:
    answer = Answer()
    line = delta(content="a")
    answer.feed(line[:10], 1.0)
    answer.feed(line[10:], 2.0)
    assert answer.times == [2.0]


def test_a_last_line_without_its_end_counts() -> None:
    answer = Answer()
    answer.feed(delta(content="a") + b"data: [DONE]", 1.0)
    assert not answer.done
    answer.close(2.0)
    assert answer.done


@pytest.mark.parametrize(
    ("stream", "complete"),
    [
        (delta(content="a"), False),
        (delta(content="a") + b"data: [DONE]\n\n", False),
        (delta(content="a") + USAGE, False),
        (delta(content="a") + USAGE + b"data: [DONE]\n\n", True),
        (event(choices=[{"text": "a", "finish_reason": "stop"}]), True),
    ],
)
def test_a_stream_must_say_that_it_is_over(stream: bytes, complete: bool) -> None:
    answer = Answer()
    answer.feed(stream, 1.0)
    assert answer.complete is complete


def test_usage_with_every_chunk_the_last_one_counts() -> None:
    answer = Answer()
    for count in (1, 2, 3):
        answer.feed(event(choices=[{"text": "a"}], usage={"completion_tokens": count, "prompt_tokens": 4}), 1.0)
    assert answer.completion_tokens == 3


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b'data: {"id": 1, "choices": [{\n', Malformed),
        (b"data: 7\n", Malformed),
        (event(error={"message": "no memory", "code": 500}), ServerError),
        (event(error="no memory"), ServerError),
    ],
)
def test_what_is_no_answer_raises(line: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        Answer().feed(line, 1.0)


def test_reasoning_is_told_apart_from_the_answer() -> None:
    answer = Answer()
    counts = {"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 3}}
    answer.feed(delta(reasoning_content="hm"), 1.0)
    answer.feed(delta(reasoning="so"), 2.0)
    assert (answer.times, answer.answered, answer.reasoning_tokens) == ([1.0, 2.0], None, None)
    answer.feed(delta(content="yes"), 3.0)
    answer.feed(delta(content="!") + event(choices=[], usage=counts), 4.0)
    assert (answer.times, answer.answered, answer.reasoning_tokens) == ([1.0, 2.0, 3.0, 4.0], 3.0, 3)


def test_a_server_that_counts_no_reasoning_says_nothing_of_it() -> None:
    answer = Answer()
    answer.feed(delta(content="yes") + USAGE, 1.0)
    assert (answer.answered, answer.reasoning_tokens) == (1.0, None)
