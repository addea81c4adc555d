"""A step is found where it is, and none where there is none."""

from __future__ import annotations

import math
import random

import pytest

from runner.stats.steps import LEAST, steps


def level(middle: float, sessions: int, noise: float, seed: int) -> list[float]:
    chance = random.Random(seed)
    return [middle * math.exp(chance.gauss(0, noise)) for _ in range(sessions)]


def test_a_regression_is_found_where_it_is() -> None:
    (found,) = steps([*level(100, 6, 0.01, 1), *level(85, 5, 0.01, 2)], True)
    assert (found.at, found.before, found.after) == (6, 6, 5)
    assert found.low < math.log(0.85) < found.high < 0


def test_less_is_better_turns_the_sign() -> None:
    (found,) = steps([*level(0.1, 5, 0.01, 1), *level(0.12, 5, 0.01, 2)], False)
    assert found.log_ratio < 0


def test_down_and_up_again_are_two_steps() -> None:
    found = steps([*level(100, 6, 0.01, 1), *level(70, 6, 0.01, 2), *level(100, 6, 0.01, 3)], True)
    assert [one.at for one in found] == [6, 12]
    assert [one.log_ratio > 0 for one in found] == [False, True]


@pytest.mark.parametrize("sessions", range(2 * LEAST))
def test_too_few_sessions_have_no_step(sessions: int) -> None:
    assert steps([100.0, 50.0, 25.0, 12.0][:sessions], True) == ()


def test_one_session_alone_is_a_mood() -> None:
    assert steps([*level(100, 8, 0.01, 1), 50.0], True) == ()


def test_a_change_below_the_margin_is_none() -> None:
    assert steps([100.0] * 6 + [101.0] * 6, True) == ()


@pytest.mark.parametrize("noise", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("sessions", [4, 8, 20])
def test_equal_sessions_are_rarely_cut(sessions: int, noise: float) -> None:
    """One in a hundred is promised; in 500 series eleven would already be unlikely (p = 0.01)."""
    cut = sum(bool(steps(level(100, sessions, noise, 1000 * sessions + seed), True)) for seed in range(500))
    assert cut <= 11


@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_ten_per_cent_are_found(noise: float) -> None:
    """Ten sessions on either side, at the noise of a quiet machine."""
    found = [
        steps([*level(100, 10, noise, seed), *level(90, 10, noise, 5000 + seed)], True) for seed in range(100)
    ]  # fmt: skip
    assert sum(len(one) >= 1 for one in found) >= 95
