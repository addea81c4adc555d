"""The permutation test against its definition: every order of a few observations, counted."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from runner.stats.shuffles import ENOUGH, FIRST, SHUFFLES, Floats, added

ONES = np.ones((7, 1))
GROUPS = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1], [0, 1]], dtype=float)
APART = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])


def between(outcome: Floats) -> float:
    """Sum of squares between the two groups."""
    parts = outcome[:3], outcome[3:]
    return sum(len(part) * float(part.mean() - outcome.mean()) ** 2 for part in parts)


def test_the_chance_is_near_the_share_of_all_orders_that_are_as_uneven() -> None:
    [found] = added(APART, ONES, [GROUPS])
    orders = [between(np.array(order)) for order in permutations(APART)]
    exact = sum(one >= between(APART) - 1e-9 for one in orders) / len(orders)
    assert exact == pytest.approx(2 / 35)
    assert found.chance == pytest.approx(exact, abs=0.02)


def test_what_is_explained_is_epsilon_squared() -> None:
    whole = float(((APART - APART.mean()) ** 2).sum())
    inside = between(APART)
    [found] = added(APART, ONES, [GROUPS])
    assert found.explained == pytest.approx((inside - (whole - inside) / 5) / whole)


def test_an_even_split_is_stopped_early_and_explains_nothing() -> None:
    even = np.array([1.0, 4.0, 7.0, 2.0, 3.0, 5.0, 6.0])
    [found] = added(even, ONES, [GROUPS])
    assert found.explained == 0.0
    assert found.chance * (FIRST + 1) == pytest.approx(round(found.chance * (FIRST + 1)))
    assert found.chance > ENOUGH / (FIRST + 1)


def test_columns_that_are_known_already_add_nothing() -> None:
    [found] = added(APART, np.hstack([ONES, GROUPS]), [GROUPS])
    assert (found.chance, found.explained) == (1.0, 0.0)


def test_an_outcome_without_variance_has_nothing_to_explain() -> None:
    assert [found.chance for found in added(np.full(7, 3.0), ONES, [GROUPS])] == [1.0]


def test_as_many_columns_as_observations_explain_anything_and_so_tell_nothing() -> None:
    assert [found.chance for found in added(APART, ONES, [np.eye(7)])] == [1.0]


def test_beyond_a_known_cause_only_the_rest_counts() -> None:
    """Two columns that share one cause: alone the second looks as if it decided, beside the first it does not."""
    draw = np.random.default_rng(3)
    cause = draw.integers(0, 2, 60).astype(float)
    follows = np.where(draw.random(60) < 0.9, cause, 1 - cause)
    outcome = cause + 0.3 * draw.normal(size=60)
    ones = np.ones((60, 1))
    [alone] = added(outcome, ones, [follows[:, None]])
    [beside] = added(outcome, np.column_stack([ones, cause]), [follows[:, None]])
    assert alone.chance == 1 / (SHUFFLES + 1)
    assert beside.chance > 0.05


def test_what_is_asked_together_gets_the_answers_of_each_alone() -> None:
    draw = np.random.default_rng(4)
    outcome = draw.normal(size=40)
    extras = [draw.integers(0, 2, (40, k)).astype(float) for k in (1, 3, 2)]
    extras[1][:, 0] = outcome > 0
    ones = np.ones((40, 1))
    together = added(outcome, ones, extras)
    assert together == [added(outcome, ones, [extra])[0] for extra in extras]
    assert [found.chance <= 0.05 for found in together] == [False, True, False]
