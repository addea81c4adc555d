"""Reading a response: however its bytes are cut, and wherever it breaks off, the row says the same."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.loadgens.native import http
from runner.loadgens.native.exchange import Exchange

WORDS = ("Once", " upon", " a", " time", ",", ' "x"', " \u00fc", " the", " end")
BASE = '"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m"'


def sse(text: str) -> bytes:
    return f"data: {text}\n\n".encode()


def delta(delta: object, finish: object = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return sse(f'{{{BASE},"choices":[{json.dumps(choice, ensure_ascii=False)}]}}')


EVENTS = [
    delta({"role": "assistant", "content": ""}),
    *(delta({"content": word}) for word in WORDS),
    delta({}, "length"),
    sse(f'{{{BASE},"choices":[],"usage":{{"prompt_tokens":5,"completion_tokens":{len(WORDS)}}}}}'),
    sse("[DONE]"),
]
BODY = b"".join(EVENTS)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def chunked(pieces: Iterable[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def each(events: Iterable[bytes]) -> list[bytes]:
    """The reads of a stream with a chunk for each event."""
    chunks = [b"%x\r\n%s\r\n" % (len(event), event) for event in events]
    return [OK + b"Transfer-Encoding: chunked\r\n\r\n", *chunks, b"0\r\n\r\n"]


def odd(size: int) -> list[bytes]:
    """The body in chunks that end anywhere."""
    return [BODY[at : at + size] for at in range(0, len(BODY), size)]


FORMS = {
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(EVENTS),
    "odd chunks": OK + b"transfer-encoding: chunked\r\nConnection: close\r\n\r\n" + chunked(odd(37)),
    "tiny chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(odd(1)),
    "extensions and trailers": OK
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"%X;a=b\r\n%s\r\n" % (len(event), event) for event in EVENTS)
    + b"0\r\nX-Trailer: 1\r\n\r\n",
    "with a length": OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "until the end": OK + b"Connection: close\r\n\r\n" + BODY,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "100 Continue before it": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "a large head": OK + b"X-Large: " + b"a" * 20_000 + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(EVENTS),
    "something behind it": OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY + b"HTTP/1.1 500 No\r\n\r\n",
}


@pytest.fixture(scope="module")
def exchange() -> Iterable[Callable[[], Exchange]]:
    loop = asyncio.new_event_loop()
    yield lambda: Exchange(loop.create_future(), lambda n: None)
    loop.close()


def heard(exchange: Exchange, pieces: Iterable[bytes]) -> Exchange:
    """Piece n comes at second n, then the server closes."""
    for now, piece in enumerate(pieces):
        exchange.got(piece, float(now))
    exchange.lost(None)
    return exchange


def assert_whole(exchange: Exchange) -> None:
    answer = exchange.answer
    assert (exchange.error, exchange.message, exchange.status) == (None, "", 200)
    assert (answer.chunks, answer.finish, answer.done) == (len(WORDS), "length", True)
    assert (answer.prompt_tokens, answer.completion_tokens) == (5, len(WORDS))
    assert answer.times == sorted(answer.times)


@pytest.mark.parametrize("form", FORMS)
def test_a_response_cut_anywhere_is_the_same(form: str, exchange: Callable[[], Exchange]) -> None:
    stream = FORMS[form]
    for cut in range(1, len(stream), 1 if len(stream) < 5000 else 7):
        assert_whole(heard(exchange(), (stream[:cut], stream[cut:])))
    assert_whole(heard(exchange(), (stream[at : at + 1] for at in range(len(stream)))))


@given(st.sampled_from(sorted(FORMS)), st.lists(st.integers(1, 2500), max_size=40))
def test_a_response_in_any_pieces_is_the_same(form: str, cuts: list[int]) -> None:
    loop = asyncio.new_event_loop()
    try:
        stream = FORMS[form]
        edges = [0, *sorted({cut for cut in cuts if cut < len(stream)}), len(stream)]
        made = Exchange(loop.create_future(), lambda n: None)
        assert_whole(heard(made, (stream[a:b] for a, b in itertools.pairwise(edges))))
    finally:
        loop.close()


def test_one_token_in_one_chunk_has_the_time_of_its_read(exchange: Callable[[], Exchange]) -> None:
    told: list[int] = []
    made = Exchange(exchange().done, told.append)
    heard(made, each(EVENTS))
    assert_whole(made)
    assert made.answer.times == [float(2 + n) for n in range(len(WORDS))]
    assert sum(told) == len(WORDS)


def test_what_came_before_a_level_was_given_up_counts(exchange: Callable[[], Exchange]) -> None:
    """Whoever waited was cancelled: what was put aside is read all the same, plain or not."""
    words = ["plain", "plain", "plain", "two\nlines", "plain", "流", "plain"]
    made = exchange()
    for now, piece in enumerate(each([delta({"content": word}) for word in words])[:-1]):
        made.got(piece, float(now))
    made.done.cancel()
    made.cancel()
    assert (made.error, made.answer.chunks) == ("cancelled", len(words))
    nothing = exchange()
    nothing.done.cancel()
    nothing.cancel()
    assert nothing.error == "lost"


@pytest.mark.parametrize("form", ["chunked", "with a length", "odd chunks"])
def test_a_response_that_breaks_off_anywhere_is_no_answer(form: str, exchange: Callable[[], Exchange]) -> None:
    stream = FORMS[form]
    head = stream.index(b"\r\n\r\n") + 4
    for end in range(len(stream)):
        made = heard(exchange(), (stream[:end],))
        assert made.error == ("reset" if end < head else "cut"), end
        assert made.message.startswith("the server closed the connection")
        assert made.done.done()


@pytest.mark.parametrize(
    ("stream", "kind", "message"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "malformed", "NotHttp"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nxx", "malformed", "protocol"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed", "NotHttp"),
        (OK + b"X: " + b"a" * 2**20 + b"\r\n\r\n", "malformed", "longer than"),
        (b"HTTP/1.1 429 Slow\r\nContent-Length: 4\r\n\r\nwait", "http_429", "wait"),
        (
            b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nload\r\n3\r\ning\r\n0\r\n\r\n",
            "http_5xx",
            "loading",
        ),
        (b"HTTP/1.1 404 No\r\n\r\nnot here", "http_4xx", "not here"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\ntraceback", "http_5xx", "traceback"),
        (b"HTTP/1.1 307 Elsewhere\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "http_3xx", ""),
        (b"HTTP/1.1 204 Nothing\r\n\r\n", "http_2xx", ""),
        (OK + b"Content-Length: 0\r\n\r\n", "cut", "without finish reason"),
        (OK + b"\r\n" + delta({}, "stop"), "empty", "no token"),
        (OK + b"\r\n" + sse('{"error":{"message":"no memory"}}'), "server_error", "no memory"),
        (OK + b"\r\n" + sse("{"), "malformed", "not JSON"),
        (OK + b"\r\ndata: {", "malformed", "not JSON"),  # seen only when the stream ends
    ],
)
def test_what_is_no_answer_has_a_name(stream: bytes, kind: str, message: str, exchange: Callable[[], Exchange]) -> None:
    for pieces in ((stream,), tuple(stream[at : at + 1] for at in range(min(len(stream), 5000)))):
        if len(pieces) == 1 or len(pieces) == len(stream):
            made = heard(exchange(), pieces)
            assert made.error == kind
            assert message in made.message


def test_a_form_that_looks_like_another_is_read_whole(exchange: Callable[[], Exchange]) -> None:
    """The short way must not take for one token what says more: a finish reason, an error, a quote, an empty text."""
    plain = delta({"content": " a"})
    tricky = [
        plain,
        plain,
        delta({"content": ""}),
        delta({"content": ' b"},"finish_reason":"x'}),
        delta({"content": " c"}, "stop"),
    ]
    made = heard(exchange(), each(tricky))
    assert (made.error, made.answer.chunks, made.answer.finish) == (None, 4, "stop")


def test_where_to_send() -> None:
    url = http.Url("https://[::1]:8443/base/v1/chat/completions")
    assert (url.secure, url.host, url.port, url.authority) == (True, "::1", 8443, "[::1]:8443")
    assert http.Url("http://host/x?y=1").path == "/x?y=1"
    assert (http.Url("https://h/").port, http.Url("http://h").path) == (443, "/")
    for wrong in ("ftp://h/", "host:80", ""):
        with pytest.raises(ValueError):
            http.Url(wrong)


def test_a_header_can_not_smuggle_another_one_in() -> None:
    with pytest.raises(ValueError):
        http.head(http.Url("http://h/"), {"Authorization": "Bearer x\r\nHost: evil"})
