"""The search for the highest load that holds: it ends, repeats nothing, and finds the truth where there is one."""

from __future__ import annotations

import math
import os

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.load import LoadSearch
from runner.scoring.capacity import NEAR, Ended, Tried, next_load

EXAMPLES = settings(max_examples=int(os.environ.get("TUNEBOOK_EXAMPLES", "150")), deadline=None)
"""No deadline: a busy machine is no counterexample."""


@st.composite
def searches(draw: st.DrawFn) -> tuple[LoadSearch, bool]:
    whole = draw(st.booleans())
    levels = draw(st.integers(2, 32))
    if whole:
        low = draw(st.integers(1, 500))
        return LoadSearch(low, draw(st.integers(low + 1, low + 5000)), levels), True
    rate = draw(st.floats(1e-3, 100))
    return LoadSearch(rate, rate * draw(st.floats(1.001, 1e4)), levels), False


def walked(search: LoadSearch, whole: bool, holds: object) -> tuple[list[Tried], Ended]:
    tried: list[Tried] = []
    while True:
        step = next_load(tried, search, whole)
        if isinstance(step, Ended):
            return tried, step
        assert len(tried) < 100, "it does not end"
        tried.append(Tried(step, holds(step)))  # type: ignore[operator]


@EXAMPLES
@given(searches(), st.randoms(use_true_random=False))
def test_whatever_the_levels_say_it_ends_repeats_nothing_and_stays_inside(
    case: tuple[LoadSearch, bool], chance: object
) -> None:
    search, whole = case
    tried, _ = walked(search, whole, lambda _load: chance.random() < 0.6)  # type: ignore[attr-defined]
    loads = [one.load for one in tried]
    assert 1 <= len(loads) <= search.levels
    assert len(set(loads)) == len(loads)
    assert all(search.low <= load <= search.high for load in loads)
    assert loads[0] == search.low
    if whole:
        assert all(load == int(load) for load in loads)


@EXAMPLES
@given(searches(), st.floats(0, 1))
def test_where_attainment_falls_with_load_the_truth_lies_in_the_bracket(
    case: tuple[LoadSearch, bool], share: float
) -> None:
    search, whole = case
    truth = search.low * (search.high / search.low) ** (share * 1.2 - 0.1)  # sometimes outside of the range
    tried, ended = walked(search, whole, lambda load: load <= truth)
    held = max((one.load for one in tried if one.held), default=None)
    missed = min((one.load for one in tried if not one.held), default=None)
    if ended is Ended.LOWEST:
        assert held is None
        assert truth < search.low
    elif ended is Ended.TOP:
        assert held == search.high
        assert missed is None
    else:
        assert held is not None
        assert held <= truth
        assert missed is None or truth < missed
    if ended is Ended.NEAR:
        assert held is not None
        assert missed is not None
        assert missed / held <= NEAR or (whole and missed - held == 1)


@EXAMPLES
@given(st.floats(1.01, 255.9))
def test_eight_levels_find_any_capacity_of_1_to_256_users_within_a_fifth(truth: float) -> None:
    tried, _ = walked(LoadSearch(1, 256, 8), True, lambda load: load <= truth)
    held = max(one.load for one in tried if one.held)
    missed = min(one.load for one in tried if not one.held)
    assert missed - held <= max(1.0, 0.2 * held)


@EXAMPLES
@given(st.floats(1.01, 7.9))
def test_where_the_range_is_narrow_it_doubles(truth: float) -> None:
    tried, ended = walked(LoadSearch(1, 16, 8), True, lambda load: load <= truth)
    up = [one.load for one in tried[: next(i for i, one in enumerate(tried) if not one.held) + 1]]
    assert up == [float(2**i) for i in range(len(up))]
    assert ended is Ended.NEAR
    assert max(one.load for one in tried if one.held) == math.floor(truth)
