"""The memory model: weights, cache and buffers of the simulated engine, and what it prints when they do not fit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

GB = 10**9
BYTES_SHARE = {"f16": 1.0, "q8": 0.5, "q4": 0.25}
"""Size of a cache cell against f16."""

_WEIGHTS = 2.0 * GB
_CELL = 131_072  # bytes of one token in an f16 cache
_BUFFER_PER_CHUNK_TOKEN = 0.4e6


class Sized(Protocol):
    """The part of the flags that memory depends on."""

    @property
    def max_num_seqs(self) -> int: ...
    @property
    def block_size(self) -> int: ...
    @property
    def cache_dtype(self) -> str: ...
    @property
    def ctx_size(self) -> int: ...
    @property
    def chunk_size(self) -> int: ...
    @property
    def memory_gb(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes."""

    weights: float
    cache: float
    buffers: float

    @property
    def total(self) -> float:
        return self.weights + self.cache + self.buffers


def need(flags: Sized) -> Need:
    """The cache is allocated whole at load: every slot holds its context, rounded up to blocks."""
    tokens = math.ceil(flags.ctx_size / flags.block_size) * flags.block_size
    cache = flags.max_num_seqs * tokens * _CELL * BYTES_SHARE[flags.cache_dtype]
    return Need(_WEIGHTS, cache, flags.chunk_size * _BUFFER_PER_CHUNK_TOKEN)


def problem(flags: Sized) -> list[str] | None:
    """The log lines with which the engine refuses to load, or None when it loads. The last one is the reason."""
    if flags.cache_dtype == "q4" and flags.block_size < 16:
        return [f"E unsupported: cache-dtype q4 needs block-size >= 16, got {flags.block_size}"]
    wanted = need(flags)
    if wanted.total <= flags.memory_gb * GB:
        return None
    return out_of_memory(wanted, flags.memory_gb)


def out_of_memory(wanted: Need, memory_gb: float) -> list[str]:
    return [
        f"I memory: weights {wanted.weights / GB:.2f} GB, cache {wanted.cache / GB:.2f} GB, "
        f"buffers {wanted.buffers / GB:.2f} GB",
        f"E failed to allocate buffer of size {round(wanted.cache)} for the cache",
        f"E out of memory: {wanted.total / GB:.2f} GB needed, {memory_gb:.2f} GB on this machine",
    ]
