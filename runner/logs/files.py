"""One log, line by line, while it grows: whole lines only, no secrets, nothing that acts on a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from runner.util.logs import HEAD_BYTES, KEPT_BYTES, TAIL_BYTES
from runner.util.redact import redact
from runner.util.visible import visible_line

LONGEST = 1024 * 1024
"""Bytes of one line; what goes beyond is left out."""
_CHUNK = 64 * 1024


class LogFile:
    """An open log. It keeps its descriptor: when the file is replaced or removed at the seal, what was written to it
    before can still be read to its end."""

    def __init__(self, path: Path) -> None:
        """Raises FileNotFoundError: it is not written yet, or sealed and gone."""
        self._file = path.open("rb")
        self._part = b""
        self._dropping = False
        self._first = True

    def close(self) -> None:
        self._file.close()

    def lines(self, *, last: bool) -> Iterator[str]:
        """The lines that came since the last call; with `last` also one that has no line end."""
        size = os.fstat(self._file.fileno()).st_size
        if self._first and size > KEPT_BYTES:
            yield from self._ends(size)
        self._first = False
        while chunk := self._file.read(_CHUNK):
            yield from self._split(chunk)
        if last and self._part:
            yield _shown(self._part)
            self._part = b""

    def _ends(self, size: int) -> Iterator[str]:
        """A log that is large already: its head and tail, as it will be sealed."""
        head = self._file.read(HEAD_BYTES)
        head = head[: head.rfind(b"\n") + 1]
        self._file.seek(size - TAIL_BYTES)
        skipped = self._file.readline(LONGEST)
        yield from self._split(head)
        yield f"[... {size - TAIL_BYTES + len(skipped) - len(head)} bytes cut ...]"

    def _split(self, chunk: bytes) -> Iterator[str]:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            if not self._dropping:
                yield _shown(self._part + line)
            self._part, self._dropping = b"", False
        if self._dropping:
            return
        self._part += rest
        if len(self._part) > LONGEST:
            # Not a piece at a time: a secret that lies across two pieces would be seen in neither.
            yield redact(visible_line(self._part[:LONGEST].decode("utf-8", "replace")), cut=True) + " [... line cut]"
            self._part, self._dropping = b"", True


def _shown(line: bytes) -> str:
    return visible_line(redact(line.decode("utf-8", errors="replace")))
