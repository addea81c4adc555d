"""Ratios and the soft penalty, against the predecessor's vectors too."""

from __future__ import annotations

import pytest

from runner.domain.campaign import Slo
from runner.scoring.slo import PENALTY_CAP, RATIO_CAP, ratio, soft_penalty

LOW = Slo("ttft", "ttft_p99", maximum=0.5, weight=2.0)
HIGH = Slo("rate", "request_throughput", minimum=4.0)


@pytest.mark.parametrize(
    ("slo", "value", "expected"),
    [
        (LOW, 0.25, 0.5),
        (LOW, 0.5, 1.0),
        (LOW, 1.0, 2.0),
        (HIGH, 8.0, 0.5),
        (HIGH, 4.0, 1.0),
        (HIGH, 2.0, 2.0),
        (HIGH, 0.0, RATIO_CAP),
        (Slo("errors", "short_rate", maximum=0.0), 0.0, 1.0),
        (Slo("errors", "short_rate", maximum=0.0), 0.1, RATIO_CAP),
    ],
)
def test_above_one_is_a_miss_whatever_the_direction(slo: Slo, value: float, expected: float) -> None:
    assert ratio(value, slo) == pytest.approx(expected)


@pytest.mark.parametrize(("steepness", "classic"), [(0.05, 110.2), (0.1, 15.8), (0.2, 6.4)])
def test_the_predecessors_factors_less_their_jump(steepness: float, classic: float) -> None:
    """20 % over, weight 2: it multiplied by 1 + 2 exp(0.2 / s). Ours is 2 less, hence 0 at the limit, and capped."""
    slo = Slo("p90", "e2e_p90", maximum=5.0, weight=2.0, steepness=steepness)
    assert 1 + soft_penalty(ratio(6.0, slo), slo) == pytest.approx(min(classic - 2, 1 + PENALTY_CAP), rel=0.01)


def test_nothing_at_the_limit_and_next_to_nothing_just_above() -> None:
    assert soft_penalty(ratio(0.5, LOW), LOW) == 0.0
    assert soft_penalty(ratio(0.5 * 1.00002, LOW), LOW) == pytest.approx(0.0004, rel=0.01)


def test_72_times_the_limit_is_finite() -> None:
    assert soft_penalty(ratio(36.0, LOW), LOW) == PENALTY_CAP
