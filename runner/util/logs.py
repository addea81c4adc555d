"""Logs in a record: kept whole when small, else head and tail; what failed stands at one of the two ends."""

from __future__ import annotations

import os
from pathlib import Path

from runner.util.redact import redact

HEAD_BYTES = 128 * 1024
TAIL_BYTES = 384 * 1024
KEPT_BYTES = HEAD_BYTES + TAIL_BYTES
_TORN = 512
"""Bytes left out on each side of a cut inside a line: half a secret is known to nobody and would stay."""


def copy_cut(source: Path | None, target: Path) -> None:
    """Copy a log to `target`, at most `KEPT_BYTES` of it, cut at line ends where possible. No log: an empty file."""
    if source is None or not source.exists():
        target.write_bytes(b"")
        return
    with source.open("rb") as log:
        size = os.fstat(log.fileno()).st_size
        if size <= KEPT_BYTES:
            target.write_bytes(log.read(KEPT_BYTES))
            return
        head = log.read(HEAD_BYTES)
        log.seek(size - TAIL_BYTES)
        tail = log.read(TAIL_BYTES)
    head = head[: head.rfind(b"\n") + 1] or head[:-_TORN]
    tail = tail[tail.find(b"\n") + 1 :] or tail[_TORN:]
    cut = size - len(head) - len(tail)
    target.write_bytes(head + b"[... %d bytes cut ...]\n" % cut + tail)


def both_ends(log: Path, each: int = 200_000) -> str:
    """First and last `each` bytes of a log that still grows: the cause often stands early, the crash at the end."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        data = file.read(each)
        size = os.fstat(file.fileno()).st_size
        if size > each:
            file.seek(max(each, size - each))
            data += b"\n" * (size > 2 * each) + file.read()
    return data.decode("utf-8", errors="replace")


def redact_cut(source: Path) -> None:
    """Make a log fit to be sealed: cut it first, whatever its size, then take the secret values out of what is left.
    Nothing is done when there is no log. Raises OSError."""
    if not source.exists():
        return
    part = source.with_name(f"{source.name}.part")
    copy_cut(source, part)
    part.write_text(redact(part.read_text(encoding="utf-8", errors="replace")), encoding="utf-8")
    part.replace(source)
