"""How much of the space a front covers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.stats.pareto import hypervolume


def test_hypervolume_of_known_shapes() -> None:
    assert hypervolume([], (0.0, 0.0), (True, True)) == 0
    assert hypervolume([(2.0, 3.0)], (0.0, 0.0), (True, True)) == 6
    staircase = [(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]
    assert hypervolume(staircase, (0.0, 0.0), (True, True)) == 6  # 3 + 2 + 1
    assert hypervolume([(2.0, 1.0)], (0.0, 4.0), (True, False)) == 6  # the second one is minimised
    assert hypervolume([(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)], (0.0, 0.0, 0.0), (True, True, True)) == 2


def test_a_point_worse_than_the_reference_covers_nothing() -> None:
    assert hypervolume([(5.0, -1.0)], (0.0, 0.0), (True, True)) == 0


@given(st.lists(st.tuples(*[st.floats(0, 10)] * 3), max_size=6), st.tuples(*[st.floats(0, 10)] * 3))
def test_hypervolume_never_shrinks_and_a_beaten_point_adds_nothing(
    points: list[tuple[float, float, float]], more: tuple[float, float, float]
) -> None:
    reference, up = (0.0, 0.0, 0.0), (True, True, True)
    before, after = (hypervolume(some, reference, up) for some in (points, [*points, more]))
    assert after >= before * (1 - 1e-9)
    if any(all(a >= b for a, b in zip(point, more, strict=True)) for point in points):
        assert after == pytest.approx(before, rel=1e-9, abs=1e-12)
