"""The requests of a trace or dataset: lines of a file that is looked into, never read whole."""

from __future__ import annotations

import json
import mmap
import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

BLOCK = 512
"""Tokens that one of Mooncake's hash_ids stands for."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One line. `at`: seconds after the first request of a trace. `prompt`, `output`: tokens. `blocks` name pieces of
    the prompt that other requests have too (Mooncake's hash_ids). `text` is the prompt of a dataset."""

    prompt: int
    output: int
    at: float = 0.0
    blocks: tuple[int, ...] = ()
    text: str | None = None


class RequestLines:
    """`runner.inputs.prepared` has checked and written the file. Raises OSError, and ValueError for an empty one."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._starts = array("Q", [0])
        place = self._map.find(b"\n")
        while place >= 0:
            self._starts.append(place + 1)
            place = self._map.find(b"\n", place + 1)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, index: int) -> Recorded:
        data = json.loads(self._map[self._starts[index] : self._starts[index + 1]])
        return Recorded(
            data["prompt"], data["output"], data.get("at", 0.0), tuple(data.get("blocks", ())), data.get("text")
        )

    def times(self) -> Iterator[float]:
        return (self[index].at for index in range(len(self)))


class Order:
    """Which line each request of a level takes. A trace: in the order it was recorded. A dataset: in an order that
    the seed decides, the same for all levels; they take turns (`first`, `step`), so that no prompt comes twice before
    each level has used its share."""

    def __init__(self, lines: int, seed: str, *, shuffled: bool, first: int = 0, step: int = 1) -> None:
        self._order: Sequence[int] = range(lines)
        self._first, self._step = first, step
        if shuffled:
            order = array("Q", self._order)
            random.Random(f"{seed}/order").shuffle(order)
            self._order = order

    def line(self, number: int) -> int:
        """Of measured requests number 0, 1, 2, ...; of warm-up requests -1, -2, ...: those come from the other end."""
        return self._order[(self._first + number * self._step) % len(self._order)]
