"""The least of HTTP/1.1 that a load generator needs: one request out, one response in. Pure: bytes in, bytes out.

llhttp reads (the parser of Node.js, through httptools); here stands only what it leaves to its user.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import httptools

_MOST_HEAD = 2**20


class NotHttp(ValueError):
    """The bytes are no HTTP response."""


class Url:
    """Where to send: `host` and `port` to connect to, `secure` for https, `authority` for the Host header, `path`
    with the query. Raises ValueError for what is no http(s) URL."""

    def __init__(self, text: str) -> None:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http:// or https:// URL: {text}")
        self.secure = parts.scheme == "https"
        self.host = parts.hostname
        self.port = parts.port or (443 if self.secure else 80)
        self.authority = parts.netloc.rpartition("@")[2]
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def head(url: Url, headers: Mapping[str, str]) -> bytes:
    """Everything of a POST that does not change from request to request; `request` completes it. Raises ValueError
    for a header that would be two."""
    lines = [f"POST {url.path} HTTP/1.1", f"Host: {url.authority}"]
    for name, value in headers.items():
        if any(ord(letter) < 32 or ord(letter) > 255 for letter in name + value):
            raise ValueError(f"the header {name} holds a character that no header may hold")
        lines.append(f"{name}: {value}")
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


def request(beginning: bytes, name: str, body: bytes) -> bytes:
    return b"%sX-Request-Id: %s\r\nContent-Length: %d\r\n\r\n%s" % (beginning, name.encode(), len(body), body)


class Response:
    """A response as far as it has come. `status` is None until its head is whole; `over` when its last byte came.
    `between` says that what came so far ends where a chunk of the chunked encoding ends."""

    __slots__ = ("_body", "_head", "_measured", "_parser", "_useful", "_whole", "between", "on_body", "over", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.over = False
        self._body: list[bytes] = []
        self._useful: int | None = None
        self._whole = self.between = False
        self._measured = False
        self._head = 0
        self.on_body = self._body.append  # called by the parser, once for each chunk: no Python in between
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> bytes:
        """Take what one read brought; gives the part of the body that was in it. What comes behind the end of the
        response is left alone. Raises NotHttp."""
        if self.status is None:
            self._head += len(data)
            if self._head > _MOST_HEAD:
                raise NotHttp(f"the head of the response is longer than {_MOST_HEAD} bytes")
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as error:
            raise NotHttp("the server wants to speak another protocol") from error
        except httptools.HttpParserError as error:
            if not self.over:
                raise NotHttp(f"not HTTP: {error}") from error
        # The two bytes of a chunk's end can be those of a size line only when that line began a chunk: `_whole` knows.
        self.between = self._whole and data.endswith(b"\r\n")
        body = self._body
        if len(body) == 1 and self._useful is None:
            return body.pop()
        found = b"".join(body[: self._useful])
        body.clear()
        return found

    def end(self) -> None:
        """The connection is closed. A body without a length ends there; any other one stays unfinished."""
        if self.status is not None and not self._measured:
            self.over = True

    def on_header(self, name: bytes, _value: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._measured = True

    def on_headers_complete(self) -> None:
        if self.over:
            return  # a second response, that nobody asked for
        status = self._parser.get_status_code()
        if status >= 200:
            self.status = status
        else:
            self._measured = False  # 100 Continue and the like: the answer is still to come

    def on_chunk_header(self) -> None:
        self._whole = False

    def on_chunk_complete(self) -> None:
        self._whole = True

    def on_message_complete(self) -> None:
        if self.status is not None and not self.over:
            self.over = True
            self._useful = len(self._body)

    def free(self) -> None:
        """Break the circle with the parser: nothing collects it while a level runs."""
        del self._parser
