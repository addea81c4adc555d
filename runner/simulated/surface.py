"""The performance surface: engine flags and load in, times out. Pure, so that the best flags are known.

What makes the landscape worth searching, in the order of their effect:

* more sequences (`max_num_seqs`) share the pass over the weights, until memory ends (`memory.py`) or the cores do;
* threads help up to the cores that the sequences' own bookkeeping leaves free: the best thread count depends on
  the batch;
* a smaller cache type reads less per sequence and fits more of them, and costs arithmetic in every step: good for
  large batches, bad for small ones;
* the best block size depends on the cache type;
* a large prefill chunk prefills faster and delays the tokens of the others.

All times are seconds before `--time-scale`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from runner.simulated import memory

CORES = 8
TEMPLATE_TOKENS = 9
"""What the chat template adds to the words of a message."""

_WEIGHTS_PASS = 24e-3  # one decode step of one sequence on one thread
_SEQUENCE = 1.6e-3  # what each further sequence adds to a step, f16 cache, one thread
_PREFILL = 0.5e-3  # one prompt token on one thread
_ARITHMETIC = {"f16": 1.0, "q8": 1.05, "q4": 1.25}
_TRAFFIC = {"f16": 1.0, "q8": 0.6, "q4": 0.4}


@dataclass(frozen=True, slots=True)
class Flags:
    """The simulated engine's parameters. `ctx_size` is tokens per sequence, `memory_gb` the machine's memory."""

    max_num_seqs: int = 8
    threads: int = 2
    block_size: int = 16
    cache_dtype: str = "f16"
    ctx_size: int = 4096
    chunk_size: int = 512
    memory_gb: float = 16.0


@dataclass(frozen=True, slots=True)
class Steady:
    """What a closed loop settles at. `throughput` counts output tokens per second over all users."""

    ttft: float
    itl: float
    e2e: float
    throughput: float


def speedup(threads: int, active: int) -> float:
    """How much faster than one thread, with `active` sequences taking their share of the cores."""
    free = CORES - active / 32
    gain = threads / (1 + 0.05 * (threads - 1))
    return gain / (1 + 0.3 * max(0.0, threads - free))


def _block_overhead(flags: Flags) -> float:
    cells = flags.block_size * memory.BYTES_SHARE[flags.cache_dtype]
    return 1 + 2 / cells + cells / 512


def itl(flags: Flags, active: int) -> float:
    """Seconds between two tokens of one sequence while `active` (>= 1) sequences decode."""
    fast = speedup(flags.threads, active)
    step = _WEIGHTS_PASS * _ARITHMETIC[flags.cache_dtype] / fast
    others = _SEQUENCE * _TRAFFIC[flags.cache_dtype] * _block_overhead(flags) * (active - 1) / math.sqrt(fast)
    disturbed = 1 + 0.15 * (flags.chunk_size / 1024) * min(1.0, (active - 1) / 8)
    return (step + others) * disturbed


def prefill(flags: Flags, prompt_tokens: int, active: int) -> float:
    """Seconds from admission to the first token while `active` (>= 1) sequences run, this one included."""
    efficiency = flags.chunk_size / (flags.chunk_size + 128)
    alone = prompt_tokens * _PREFILL / speedup(flags.threads, active) / efficiency
    return (alone + itl(flags, active)) * (1 + 0.02 * (active - 1))


def steady(flags: Flags, prompt_tokens: int, output_tokens: int, concurrency: int) -> Steady:
    """The closed loop of `concurrency` users. More users than slots wait their turn."""
    active = min(concurrency, flags.max_num_seqs)
    step = itl(flags, active)
    first = prefill(flags, prompt_tokens, active)
    service = first + (output_tokens - 1) * step
    wait = (concurrency - active) / active * service
    return Steady(wait + first, step, wait + service, active * output_tokens / service)


GRID: dict[str, tuple[int | str, ...]] = {
    "max_num_seqs": (4, 8, 16, 32, 64, 128),
    "threads": (1, 2, 4, 6, 8, 12),
    "block_size": (8, 16, 32, 64, 128),
    "cache_dtype": ("f16", "q8", "q4"),
    "ctx_size": (1024, 2048, 4096, 8192),
    "chunk_size": (128, 512, 2048),
}
"""The points among which `optimum` is exact."""


def grid(memory_gb: float) -> Iterator[Flags]:
    """Every point of GRID, the ones that can not load included."""
    for values in itertools.product(*GRID.values()):
        named = dict(zip(GRID, values, strict=True))
        yield Flags(**named, memory_gb=memory_gb)  # type: ignore[arg-type]


def works(flags: Flags, request_tokens: int) -> bool:
    """Whether the engine loads with these flags and a request of so many tokens fits into a slot."""
    return memory.problem(flags) is None and flags.ctx_size >= request_tokens


def optimum(prompt_tokens: int, output_tokens: int, concurrency: int, memory_gb: float = 16.0) -> Flags:
    """The flags of GRID with the highest output throughput at this load, among those that work.

    Raises ValueError when none works. Ties go to the first of the grid."""
    longest = prompt_tokens + output_tokens
    working = [flags for flags in grid(memory_gb) if works(flags, longest)]
    if not working:
        raise ValueError(f"no point of the grid serves {longest} tokens in {memory_gb} GB")
    return max(working, key=lambda flags: steady(flags, prompt_tokens, output_tokens, concurrency).throughput)
