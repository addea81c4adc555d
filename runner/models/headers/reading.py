"""Reading headers that somebody else wrote: every length is checked against what is there before it is believed."""

from __future__ import annotations

import struct
from typing import IO, Any

from runner.errors import ModelDamaged

MOST_HEADER = 256 << 20
"""Bytes of a header. The largest vocabularies in use take 20 MB."""
LARGEST = 1 << 40
"""No count of layers, heads or positions is larger."""
_LONGEST_WORD = 64


class Header:
    """The beginning of a file, read forwards. Raises ModelDamaged for what it does not hold."""

    def __init__(self, file: IO[bytes], size: int, name: str) -> None:
        self._file = file
        self.end, self.name, self.at = min(size, MOST_HEADER), name, 0
        self._whole = size <= MOST_HEADER

    def take(self, count: int) -> bytes:
        self.require(count)
        self.at += count
        data = self._file.read(count)
        if len(data) != count:
            raise self.damaged("it became shorter while it was read")
        return data

    def skip(self, count: int) -> None:
        self.require(count)
        self.at += count
        self._file.seek(count, 1)

    def require(self, count: int) -> None:
        if count > self.end - self.at:
            over = "it ends in the middle of its header" if self._whole else "its header is larger than 256 MiB"
            raise self.damaged(f"{over}: at byte {self.at} it promises {count} more")

    def number(self, form: str) -> Any:
        """One value of a `struct` format, little-endian."""
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0]

    def damaged(self, what: str) -> ModelDamaged:
        return damaged(self.name, what)


def damaged(name: str, what: str) -> ModelDamaged:
    return ModelDamaged(
        f"{name} is not a whole model file: {what}", hint="get the file again, or the model from elsewhere"
    )


def require_apart(places: list[tuple[int, int, str]], end: int, name: str) -> None:
    """`places` are (first byte, byte behind the last, tensor). None may reach behind `end` or into another."""
    behind = 0
    for first, last, tensor in sorted(places):
        if first < behind:
            raise damaged(name, f"tensor {word(tensor)} begins inside another one")
        if last > end:
            raise damaged(name, f"tensor {word(tensor)} ends at byte {last} of {end}")
        behind = max(behind, last)


def word(text: object) -> str:
    """A name out of a file, fit to be shown and recorded."""
    return "".join(char if char.isprintable() else "?" for char in str(text))[:_LONGEST_WORD]


def count(value: object) -> int | None:
    """A count out of a header; None for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST else None
