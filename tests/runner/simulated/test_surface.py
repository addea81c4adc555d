"""The landscape is worth searching: interactions, a cliff, and an optimum that a search can be held against."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.simulated import memory, surface
from runner.simulated.surface import GRID, Flags, grid, itl, optimum, prefill, steady, works

flags = st.builds(
    Flags,
    max_num_seqs=st.integers(1, 256),
    threads=st.integers(1, 16),
    block_size=st.sampled_from((8, 16, 32, 64, 128)),
    cache_dtype=st.sampled_from(tuple(memory.BYTES_SHARE)),
    ctx_size=st.integers(64, 16384),
    chunk_size=st.integers(16, 8192),
    memory_gb=st.floats(1, 100),
)


@given(flags, st.integers(1, 4000), st.integers(1, 256))
def test_times_are_positive_and_a_longer_prompt_takes_longer(point: Flags, prompt: int, active: int) -> None:
    assert itl(point, active) > 0
    assert prefill(point, prompt, active) < prefill(point, prompt + 1, active)


@given(flags, st.integers(1, 2000), st.integers(1, 500), st.integers(1, 300))
def test_a_closed_loop_obeys_littles_law(point: Flags, prompt: int, output: int, users: int) -> None:
    settled = steady(point, prompt, output, users)
    in_flight = settled.throughput / output * settled.e2e
    assert in_flight == pytest.approx(users)


@pytest.mark.parametrize("users", [1, 8, 32])
def test_no_point_of_the_grid_that_works_beats_the_optimum(users: int) -> None:
    best = optimum(128, 64, users)
    top = steady(best, 128, 64, users).throughput
    points = random.Random(0).sample(list(grid(16.0)), 500)
    assert all(steady(p, 128, 64, users).throughput <= top for p in points if works(p, 192))
    assert works(best, 192)
    assert top > 1.5 * steady(Flags(), 128, 64, users).throughput, "the default leaves something to find"


def test_the_best_flags_depend_on_the_load() -> None:
    alone, crowd = optimum(128, 64, 1), optimum(128, 64, 64)
    assert alone.cache_dtype != crowd.cache_dtype
    assert alone.threads != crowd.threads


def test_the_best_block_size_depends_on_the_cache_type() -> None:
    def best(dtype: str) -> int:
        sizes = [int(size) for size in GRID["block_size"]]
        return min(sizes, key=lambda size: itl(Flags(cache_dtype=dtype, block_size=size), 16))

    assert best("f16") < best("q8") < best("q4")


def test_the_best_thread_count_depends_on_the_batch() -> None:
    def best(active: int) -> int:
        return max(range(1, 13), key=lambda threads: surface.speedup(threads, active))

    assert best(128) < best(1)


def test_memory_ends_the_way_up() -> None:
    sizes = [16, 32, 64, 128, 256]
    fits = [memory.problem(Flags(max_num_seqs=n, ctx_size=2048)) is None for n in sizes]
    assert fits == sorted(fits, reverse=True)
    assert True in fits
    assert False in fits
    tight = dataclasses.replace(Flags(max_num_seqs=128, ctx_size=2048), cache_dtype="q8")
    assert memory.problem(tight) is not None
    assert memory.problem(dataclasses.replace(tight, cache_dtype="q4")) is None


def test_no_optimum_where_nothing_works() -> None:
    with pytest.raises(ValueError, match="no point"):
        optimum(100, 10, 1, memory_gb=1.0)
