"""The three answers of a gate: what they say of clear cases, and how often they are wrong at the limit itself."""

from __future__ import annotations

import math
import random

import pytest

from runner.stats.regression import Decision, edge_of, looks_of, regression, regression_of_quiet


def test_clear_cases() -> None:
    past = [100.0, 101.0, 99.0]
    assert regression([100.0, 101.0, 99.5], past, True, 0.05).decision is Decision.PASS
    assert regression([80.0, 81.0, 79.0], past, True, 0.05).decision is Decision.FAIL
    assert regression([120.0, 121.0, 119.0], past, True, 0.05).decision is Decision.PASS, "better is no regression"
    wide = regression([80.0, 125.0], past, True, 0.05)
    assert (wide.decision, wide.more_repeats is None) == (Decision.INCONCLUSIVE, False)


def test_lower_is_better_is_turned() -> None:
    past = [0.100, 0.101, 0.099]
    assert regression([0.120, 0.121, 0.119], past, False, 0.05).decision is Decision.FAIL
    found = regression([0.080, 0.081, 0.079], past, False, 0.05)
    assert found.decision is Decision.PASS
    assert found.log_ratio > 0
    assert math.exp(-edge_of(0.05, False)) == pytest.approx(1.05), "5 % more latency"
    assert math.exp(edge_of(0.05, True)) == pytest.approx(0.95), "5 % less throughput"


def test_two_repeats_that_happen_to_agree_prove_little() -> None:
    assert regression([95.5, 95.5], [100.0, 100.0], True, 0.05).decision is Decision.INCONCLUSIVE
    assert regression([80.0, 80.0], [100.0, 100.0], True, 0.05).decision is Decision.FAIL
    assert regression([100.0, 100.0], [100.0, 100.0], True, 0.05).decision is Decision.PASS


def test_a_noisy_baseline_is_said_to_be_one() -> None:
    """No number of repeats now makes up for a baseline that nobody knows."""
    found = regression([100.0, 100.1, 99.9], [80.0, 120.0], True, 0.01)
    assert (found.decision, found.more_repeats) == (Decision.INCONCLUSIVE, None)


def test_as_many_more_repeats_as_it_says_decide() -> None:
    past = [100.0, 101.0, 99.0, 100.5, 99.5, 100.2]
    now = [99.0, 96.0, 101.0]
    found = regression(now, past, True, 0.05)
    assert found.decision is Decision.INCONCLUSIVE
    assert found.more_repeats is not None
    again = now * math.ceil(1 + found.more_repeats / len(now))
    assert regression(again, past, True, 0.05).decision is Decision.PASS


PAST = [100.0, 101.0, 99.0, 100.5]


def test_a_failure_needs_repeats_of_a_quiet_machine() -> None:
    slow, fine = [69.0, 70.0, 71.0, 70.0], [100.0, 101.0, 99.5]

    def asked(now: list[float], quiet: list[bool]) -> tuple[Decision, int, bool]:
        found = regression_of_quiet(now, quiet, PAST, True, 0.05)
        return found.decision, found.repeats, found.disturbed

    assert asked(slow, [True] * 4) == (Decision.FAIL, 4, False)
    assert asked(slow, [False] * 4) == (Decision.INCONCLUSIVE, 4, True)
    assert asked(slow, [True, False, False, False]) == (Decision.INCONCLUSIVE, 4, True), "one repeat has no scatter"
    assert asked(slow, [False, True, True, True]) == (Decision.FAIL, 3, False), "the quiet ones show it, too"
    assert asked([*fine, *slow], [True] * 3 + [False] * 4) == (Decision.PASS, 3, False), "the quiet ones deny it"


def test_other_work_can_not_make_a_pass_wrong() -> None:
    now = [100.0, 101.0, 99.5]
    assert regression_of_quiet(now, [False] * 3, PAST, True, 0.05) == regression(now, PAST, True, 0.05)
    wide = regression_of_quiet([80.0, 125.0], [False] * 2, PAST, True, 0.05)
    assert (wide.decision, wide.disturbed) == (Decision.INCONCLUSIVE, False), "it was open without that"


@pytest.mark.parametrize("bad", [([1.0], [1.0, 1.0]), ([1.0, 0.0], [1.0, 1.0])])
def test_what_has_no_ratio_is_refused(bad: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="two positive"):
        regression(*bad, True, 0.05)


def test_looks() -> None:
    assert looks_of(5, 5) == (5,)
    assert looks_of(3, 12) == (3, 6, 12)
    assert looks_of(4, 10) == (4, 8, 10)


def test_wrong_answers_stay_below_the_error_that_was_chosen() -> None:
    """Equal on both sides at 4 % noise: a FAIL beyond 1 % lost would be false; 20 % lost is always found."""
    chance, rounds = random.Random(20), 80
    looks = looks_of(3, 12)

    def answer(lost: float, limit: float) -> Decision:
        past = [100 * math.exp(chance.gauss(0, 0.04)) for _ in range(5)]
        now = [100 * (1 - lost) * math.exp(chance.gauss(0, 0.04)) for _ in range(looks[-1])]
        for count in looks:
            found = regression(now[:count], past, True, limit, looks=len(looks)).decision
            if found is not Decision.INCONCLUSIVE:
                return found
        return Decision.INCONCLUSIVE

    at_the_limit = [answer(0.05, 0.05) for _ in range(rounds)]
    assert at_the_limit.count(Decision.FAIL) <= 0.05 * rounds
    assert at_the_limit.count(Decision.PASS) <= 0.05 * rounds
    assert [answer(0.2, 0.05) for _ in range(rounds)].count(Decision.FAIL) >= 0.95 * rounds
    assert [answer(0.0, 0.05) for _ in range(rounds)].count(Decision.FAIL) <= 0.01 * rounds
