"""Lines from a pipe for a daemon thread. Python's own buffered reader may not be used by one: its lock, held while the
interpreter ends, is a fatal error (https://docs.python.org/3/library/io.html#multi-threading)."""

from __future__ import annotations

import os
from collections.abc import Iterator

CHUNK = 2**16


def lines(descriptor: int = 0) -> Iterator[bytes]:
    """Whole lines with their end, as they come; what is left without one when the pipe closes comes last."""
    rest = b""
    while part := os.read(descriptor, CHUNK):
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest
