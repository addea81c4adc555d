"""When requests are meant to be sent: each kind of load against what its law says."""

from __future__ import annotations

import itertools
import statistics
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.campaign import LevelPlan
from runner.domain.load import LoadKind, Shape
from runner.loadgens.native.shapes import intended
from tests.runner.loadgens.driving import SHORT


def times(
    kind: LoadKind, value: float, duration: float = 100.0, arrivals: str = "constant", **more: Any
) -> list[float]:
    recorded = more.pop("recorded", ())
    seed = more.pop("seed", "7")
    return list(intended(LevelPlan(0, SHORT, kind, value), arrivals, Shape(**more), duration, seed, recorded))


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([LoadKind.RATE, LoadKind.RAMP, LoadKind.BURST, LoadKind.SPEED]),
    st.sampled_from(["poisson", "constant", "gamma"]),
    st.floats(0.2, 40),
    st.floats(0.5, 30),
    st.floats(0.1, 5),
)
def test_times_ascend_from_the_start_to_the_end_of_the_level(
    kind: LoadKind, arrivals: str, value: float, duration: float, gamma: float
) -> None:
    value = max(1.0, value) if kind is LoadKind.BURST else value
    found = times(kind, value, duration, arrivals, gamma=gamma, burst_every=1.0, recorded=[0.0, 0.5, 0.5, 7.0])
    assert found == sorted(found)
    assert all(0 <= moment < duration for moment in found)
    assert found == times(kind, value, duration, arrivals, gamma=gamma, burst_every=1.0, recorded=[0.0, 0.5, 0.5, 7.0])


def test_a_constant_rate_is_one_request_each_so_often() -> None:
    assert times(LoadKind.RATE, 4, 1.0) == [0.0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize(
    ("arrivals", "gamma", "spread"), [("poisson", 1.0, 1.0), ("gamma", 0.25, 2.0), ("gamma", 4.0, 0.5)]
)
def test_random_gaps_have_the_rate_and_the_spread_that_was_asked_for(
    arrivals: str, gamma: float, spread: float
) -> None:
    found = times(LoadKind.RATE, 50, 400.0, arrivals, gamma=gamma)
    gaps = [b - a for a, b in itertools.pairwise(found)]
    assert len(found) / 400 == pytest.approx(50, rel=0.05)
    assert statistics.stdev(gaps) / statistics.mean(gaps) == pytest.approx(spread, rel=0.05)
    assert found != times(LoadKind.RATE, 50, 400.0, arrivals, gamma=gamma, seed="8")


def test_a_ramp_rises_evenly_to_the_rate_of_its_level() -> None:
    found = times(LoadKind.RAMP, 30, 100.0, ramp_from=10)
    per_ten = [sum(10 * n <= moment < 10 * n + 10 for moment in found) for n in range(10)]
    assert per_ten == pytest.approx([110 + 20 * n for n in range(10)], abs=1)


def test_a_ramp_from_nothing_begins_at_once() -> None:
    found = times(LoadKind.RAMP, 8, 10.0)
    assert found[0] == 0.0
    assert len(found) == 40


def test_a_burst_is_many_requests_at_one_moment() -> None:
    assert times(LoadKind.BURST, 3, 25.0) == [0.0, 0.0, 0.0, 10.0, 10.0, 10.0, 20.0, 20.0, 20.0]
    assert times(LoadKind.BURST, 1, 2.0, burst_every=0.5) == [0.0, 0.5, 1.0, 1.5]


def test_a_trace_is_replayed_at_its_own_times_or_faster() -> None:
    recorded = [0.0, 1.0, 1.0, 4.0, 9.0]
    assert times(LoadKind.SPEED, 1, 5.0, recorded=recorded) == [0.0, 1.0, 1.0, 4.0]
    assert times(LoadKind.SPEED, 4, 5.0, recorded=recorded) == [0.0, 0.25, 0.25, 1.0, 2.25]


def test_a_closed_loop_has_no_times() -> None:
    with pytest.raises(ValueError, match="no time of its own"):
        times(LoadKind.CONCURRENCY, 4)
