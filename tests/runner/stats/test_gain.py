"""The expected gain of more trials, checked against what more draws really brought."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from runner.stats.gain import LEAST, expected_gain, since_progress


@pytest.mark.parametrize(("trials", "more"), [(20, 20), (40, 10), (30, 70)])
def test_it_agrees_with_what_more_draws_of_an_exponential_tail_bring(trials: int, more: int) -> None:
    rng = random.Random(5)
    told, real = [], []
    for _ in range(400):
        draws = [rng.expovariate(10) for _ in range(trials + more)]
        told.append(expected_gain(draws[:trials], trials, more) or 0.0)
        real.append(max(draws) - max(draws[:trials]))
    assert fmean(told) == pytest.approx(fmean(real), rel=0.15)


def test_for_a_tail_that_ends_it_promises_too_much_and_never_too_little() -> None:
    rng = random.Random(6)
    told, real = [], []
    for _ in range(400):
        draws = [rng.random() for _ in range(40)]
        told.append(expected_gain(draws[:20], 20, 20) or 0.0)
        real.append(max(draws) - max(draws[:20]))
    assert fmean(real) < fmean(told)


def test_failed_trials_make_a_gain_less_likely_and_few_successes_say_nothing() -> None:
    scores = [0.01 * n for n in range(LEAST)]
    few, many = expected_gain(scores, 10, 10), expected_gain(scores, 60, 10)
    assert few is not None
    assert many is not None
    assert few > many > 0
    assert expected_gain(scores[1:], 40, 10) is None
    assert expected_gain(scores, 40, 0) == 0


def test_progress_is_what_exceeds_the_noise() -> None:
    assert since_progress([], 0.1) == 0
    assert since_progress([None, None], 0.1) == 2
    assert since_progress([1.0, None, 1.05, 0.9], 0.1) == 3
    assert since_progress([1.0, None, 1.2, 0.9], 0.1) == 1
