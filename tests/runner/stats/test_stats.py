"""Intervals against published tables, verdicts, fronts."""

from __future__ import annotations

import math

import pytest

from runner.domain.failure import Verdict
from runner.stats.compare import comparable, compare
from runner.stats.intervals import t_cdf, t_quantile, wilson
from runner.stats.pareto import pareto_front


@pytest.mark.parametrize(
    ("p", "freedom", "table"),
    [
        (0.975, 1, 12.7062), (0.975, 2, 4.3027), (0.975, 3, 3.1824), (0.975, 4, 2.7764), (0.975, 5, 2.5706),
        (0.975, 10, 2.2281), (0.975, 30, 2.0423), (0.975, 120, 1.9799), (0.95, 1, 6.3138), (0.95, 10, 1.8125),
        (0.995, 2, 9.9248), (0.995, 30, 2.7500), (0.9995, 5, 6.8688), (0.975, 1e6, 1.9600),
    ],
)  # fmt: skip
def test_student_t_as_printed_in_tables(p: float, freedom: float, table: float) -> None:
    """NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2."""
    assert t_quantile(p, freedom) == pytest.approx(table, abs=5.1e-5)
    assert t_quantile(1 - p, freedom) == pytest.approx(-table, abs=5.1e-5)


def test_the_quantile_undoes_the_distribution_for_fractional_degrees() -> None:
    for freedom in (1.0, 1.3, 2.7, 14.2, 333.3):
        for p in (0.6, 0.9, 0.975, 0.9999):
            assert t_cdf(t_quantile(p, freedom), freedom) == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize(("p", "freedom"), [(0, 3), (1, 3), (0.5, 0), (math.nan, 3), (0.9, math.nan)])
def test_outside_of_its_domain_the_quantile_says_so(p: float, freedom: float) -> None:
    with pytest.raises(ValueError, match="t_quantile"):
        t_quantile(p, freedom)


def test_wilson() -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_welch_on_logs_by_hand() -> None:
    """a: ln 1, ln e^2; b: ln e^-1, ln e^-1. Variance 2 / 2 and 0: one degree of freedom, t = 12.7062."""
    result = compare([1.0, math.e**2], [math.e**-1, math.e**-1], True)
    assert result.log_ratio == pytest.approx(2.0)
    assert result.low == pytest.approx(2 - 12.7062, abs=1e-4)
    assert result.verdict is Verdict.INCONCLUSIVE


def test_better_and_worse_turn_with_the_direction() -> None:
    fast, slow = [110.0, 111.0, 112.0], [100.0, 101.0, 102.0]
    assert compare(fast, slow, True).verdict is Verdict.BETTER
    assert compare(fast, slow, False).verdict is Verdict.WORSE
    assert compare(slow, fast, False).verdict is Verdict.BETTER
    up, down = compare(fast, slow, True), compare(slow, fast, True)
    assert up.log_ratio == pytest.approx(-(down.log_ratio or 0))
    assert up.low == pytest.approx(-(down.high or 0))


def test_tie_needs_the_whole_interval_inside_the_margin() -> None:
    near = compare([100.0, 100.2, 99.9], [100.1, 99.9, 100.0], True)
    assert near.verdict is Verdict.TIE
    wide = compare([100.0, 120.0, 90.0], [100.1, 99.9, 100.0], True)
    assert wide.verdict is Verdict.INCONCLUSIVE
    assert compare([5.0, 5.0], [5.0, 5.0], True).verdict is Verdict.TIE


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ([1.0], [1.0, 2.0], "first has 1 measurement;"),
        ([1.0, 2.0], [], "second has 0 measurements"),
        ([1.0, None], [1.0, 2.0], "missing"),
        ([1.0, math.nan], [1.0, 2.0], "missing"),
        ([1.0, 2.0], [0.0, 2.0], "not positive"),
    ],
)
def test_what_can_not_be_compared_says_why(a: list[float | None], b: list[float | None], says: str) -> None:
    result = compare(a, b, True)
    assert result.verdict is Verdict.INCOMPARABLE
    assert says in result.reason
    assert result.log_ratio is result.low is result.high is None


def test_the_first_fact_that_differs_is_named() -> None:
    facts = {"client": "native", "host": "one", "runtime": "vllm", "engine_version": "1"}
    assert comparable(facts, dict(facts)) is None
    assert comparable(facts, {**facts, "client": "genai-bench", "host": "two"}) == (
        "client differs: native / genai-bench"
    )
    assert comparable(facts, {**facts, "engine_version": "2"}) == "engine_version differs: 1 / 2"
    assert comparable(facts, {**facts, "runtime": "sglang", "engine_version": "2"}) is None
    assert comparable(facts, {"client": "native"}) == "host differs: one / unknown"


def test_pareto_front_with_directions_and_ties() -> None:
    points: list[tuple[float | None, float | None]] = [
        (100, 1.0), (100, 1.0), (90, 0.5), (80, 0.6), (100, 2.0), (None, 0.1), (math.nan, 0.1),
    ]  # fmt: skip
    assert pareto_front(points, [True, False]) == [0, 1, 2]
    assert pareto_front(points[:5], [True, True]) == [4]
    assert pareto_front([], [True]) == []
