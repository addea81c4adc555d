"""How long to go on: looks, hopeless pairs, drift, hosts; and that the verdict keeps its promise."""

from __future__ import annotations

import math
import random
from itertools import count

import pytest

from runner.domain.failure import Verdict
from runner.stats.arms import Level, Repeat
from runner.stats.compare import compare, difference, judged, scatter
from runner.stats.drift import drift, without_drift
from runner.stats.sequential import Design, going_on, in_common
from tests.benchmarks.calibrate import World, once, row


def arm(*values: float, host: str = "") -> dict[int, Repeat]:
    return {number: Repeat(math.log(value), host) for number, value in enumerate(values, 1)}


SEED = 20260101
"""A date, for all of them: nobody has chosen it for what comes out."""

EQUAL = {(0.03, 4): 1000, (0.05, 2): 3000}
"""(Noise, arms) -> made-up campaigns in which all arms are equal."""


def chance(most: int, runs: int, rate: float) -> float:
    """Of at most so many of `runs` (binomial), when each is one at `rate`."""
    return math.fsum(math.comb(runs, n) * rate**n * (1 - rate) ** (runs - n) for n in range(most + 1))


def most_errors(runs: int) -> int:
    """The largest count that a true rate of 1 % comes to in fewer than one case of twenty."""
    return next(most for most in count() if chance(most + 1, runs, 0.01) >= 0.05)


def test_the_count_of_errors_that_passes_tells_one_percent_from_half_of_it() -> None:
    runs = sum(EQUAL.values())
    assert chance(most_errors(runs), runs, 0.01) < 0.05
    assert chance(most_errors(runs), runs, 0.005) > 0.95


def test_equal_arms_are_hardly_ever_called_different() -> None:
    """In less than 1 % of the campaigns, over all looks and pairs; `python -m tests.benchmarks.calibrate` has more."""
    found = [row(World(noise, 0.0, arms), runs, SEED) for (noise, arms), runs in EQUAL.items()]
    assert sum(round(one.wrong * one.runs) for one in found) <= most_errors(sum(EQUAL.values()))


@pytest.mark.parametrize(("noise", "arms", "runs"), [(0.03, 4, 150), (0.05, 2, 300)])
def test_a_difference_of_ten_percent_is_found_within_the_cap(noise: float, arms: int, runs: int) -> None:
    """In 99 % of the campaigns: so many misses as that gives in fewer than one case of twenty would deny it."""
    found = row(World(noise, 0.10, arms), runs, SEED)
    missed = runs - round(found.shares[Verdict.BETTER] * runs)
    assert chance(missed - 1, runs, 0.01) < 0.95
    assert found.wrong <= 0.01


def test_a_campaign_stops_long_before_the_cap_when_the_order_is_clear() -> None:
    ended = once(World(0.02, 0.30), Design(3, 24, 4), random.Random(5))
    assert ended.verdict is Verdict.BETTER
    assert ended.rounds <= 5


def test_who_is_clearly_worse_drops_out_and_who_is_near_goes_on() -> None:
    arms = {"best": arm(120, 122, 121), "near": arm(119, 121, 122), "default": arm(80, 81, 80)}
    assert going_on(arms, "best", Design(3, 12, 3)) == {"best", "near"}
    assert going_on({"best": arms["best"], "default": arms["default"]}, "best", Design(3, 12, 2)) == set()


def test_a_pair_that_can_not_be_told_apart_within_the_cap_is_given_up() -> None:
    """Alternating 90 and 110 on both sides: at ten repeats a difference below a few percent stays out of reach."""
    arms = {"one": arm(*[90, 110] * 6), "other": arm(*[110, 90] * 6)}
    assert going_on(arms, "one", Design(3, 13, 2)) == set()
    few = {name: {n: one for n, one in rounds.items() if n <= 4} for name, rounds in arms.items()}
    assert going_on(few, "one", Design(3, 13, 2)) == {"one", "other"}, "too early to give up"


def test_more_looks_and_more_arms_ask_for_more() -> None:
    assert Design(3, 3, 2).confidence == pytest.approx(0.99)
    assert Design(3, 3, 4).confidence == pytest.approx(1 - 0.01 / 6)
    assert Design(3, 24, 2).confidence > Design(3, 12, 2).confidence > Design(3, 3, 2).confidence


def test_two_repeats_that_happen_to_agree_prove_nothing() -> None:
    """3 % apart, each side twice the same number: the floor on the scatter keeps the interval open."""
    found = difference([math.log(103)] * 2, [math.log(100)] * 2)
    assert found is not None
    assert judged(found, Design(2, 12, 4).confidence).verdict is Verdict.INCONCLUSIVE


def test_the_number_of_missing_repeats_is_what_it_takes() -> None:
    a, b = [104.0, 100.0, 108.0, 101.0], [100.0, 98.0, 103.0, 97.0]
    result = compare(a, b, True, confidence=0.99)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.more_repeats is not None
    found = difference([math.log(v) for v in a], [math.log(v) for v in b])
    assert found is not None
    enough = found.with_repeats(4 + result.more_repeats)
    assert enough.half_width(0.99) <= abs(enough.value)
    assert found.with_repeats(3 + result.more_repeats).half_width(0.99) > abs(found.value)
    assert compare([110.0, 111.0, 110.5], [100.0, 101.0, 100.5], True).more_repeats is None


def test_the_others_lend_their_scatter_unless_the_pair_is_noisier() -> None:
    quiet = scatter([[0.0, 0.01, 0.02], [0.0, 0.01, 0.0]])
    alone = difference([0.10, 0.11], [0.0, 0.01])
    helped = difference([0.10, 0.11], [0.0, 0.01], None, quiet)
    assert alone is not None
    assert helped is not None
    assert helped.freedom == 2 + 4
    assert helped.half_width(0.99) < alone.half_width(0.99)
    noisy = difference([0.0, 0.2], [0.1, 0.3], None, quiet)
    assert noisy == difference([0.0, 0.2], [0.1, 0.3])


def test_hosts_are_compared_within_themselves() -> None:
    """The second host is twice as fast; A ran there twice and B once. Pooled, A would look far better."""
    a = [math.log(v) for v in (100.0, 101.0, 200.0, 202.0, 201.0)]
    b = [math.log(v) for v in (100.5, 100.0, 101.0, 201.0, 200.0)]
    hosts = ["x", "x", "y", "y", "y"], ["x", "x", "x", "y", "y"]
    found = difference(a, b, hosts)
    assert found is not None
    assert abs(found.value) < 0.005
    assert difference(a, b) != found
    assert difference([0.0, 0.1], [0.0, 0.1], (["x", "x"], ["y", "y"])) is None


def test_a_drift_is_found_and_taken_out() -> None:
    rng = random.Random(3)

    def drifting(level: float, step: float) -> dict[int, Repeat]:
        return {n: Repeat(level + step * n + rng.gauss(0, 0.01)) for n in range(1, 11)}

    arms = {"a": drifting(0.1, 0.02), "b": drifting(0.0, 0.02)}
    found = drift(arms)
    assert found is not None
    assert found.found
    assert found.change == pytest.approx(0.18, abs=0.04)
    straight = without_drift(arms)
    assert straight.fitted
    plain, level = in_common(Level(arms, False), "a", "b"), in_common(straight, "a", "b")
    assert plain is not None
    assert level is not None
    assert level.value == pytest.approx(plain.value)
    assert level.error < plain.error / 3

    still = {"a": drifting(0.1, 0.0), "b": drifting(0.0, 0.0)}
    assert without_drift(still) == Level(still, False)
    assert drift({"a": arm(1, 2, 3), "b": arm(1, 2, 3)}) is None, "three rounds are no line"
