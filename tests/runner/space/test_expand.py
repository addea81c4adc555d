"""Points of a space: conditions, the grid, its size, random draws."""

from __future__ import annotations

import random

import pytest

from runner.domain.parameters import Choice, EntrySpace, Float, Int, Parameter, Point, Scalar, Space
from runner.space.expand import (
    active,
    enumerate_points,
    grid_values,
    is_active,
    ordered,
    random_point,
    random_value,
    size,
)
from runner.space.expressions import ExpressionError


def space(parameters: dict[str, Parameter], **constants: Scalar) -> Space:
    return Space((EntrySpace("one", parameters),), constants)


CONDITIONAL: dict[str, Parameter] = {
    "cache": Choice(("f16", "q8"), when="flash == 'on'"),
    "flash": Choice(("on", "off")),
    "depth": Int(1, 3, when="cache == 'q8' and gpus > 0"),
}


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        (Choice((True, False)), (True, False)),
        (Int(2, 5), (2, 3, 4, 5)),
        (Int(0, 100, step=25), (0, 25, 50, 75, 100)),
        (Int(1, 9), (1, 3, 5, 7, 9)),
        (Int(16, 256, log=True), (16, 32, 64, 128, 256)),
        (Int(0, 10, step=3), (0, 3, 6, 9)),
        (Float(0.8, 0.9), (0.8, 0.825, 0.85, 0.875, 0.9)),
        (Float(0.001, 10.0, log=True), (0.001, 0.01, 0.1, 1.0, 10.0)),
        (Float(0.5, 0.5), (0.5,)),
    ],
)
def test_grid_values(parameter: Parameter, values: tuple[Scalar, ...]) -> None:
    assert grid_values(parameter) == values


def test_a_parameter_comes_after_those_its_condition_mentions() -> None:
    assert ordered(EntrySpace("one", CONDITIONAL)) == ("flash", "cache", "depth")
    turned = dict(reversed(CONDITIONAL.items()))
    assert ordered(EntrySpace("one", turned)) == ("flash", "cache", "depth")


def test_a_circle_of_conditions_is_refused() -> None:
    circle: dict[str, Parameter] = {"a": Choice((1,), when="b == 1"), "b": Choice((1,), when="a == 1")}
    with pytest.raises(ExpressionError, match="circle"):
        ordered(EntrySpace("one", circle))


def test_the_grid_follows_conditions() -> None:
    points = [dict(point.values) for point in enumerate_points(space(CONDITIONAL, gpus=1))]
    assert points == [
        {"flash": "on", "cache": "f16"},
        {"flash": "on", "cache": "q8", "depth": 1},
        {"flash": "on", "cache": "q8", "depth": 2},
        {"flash": "on", "cache": "q8", "depth": 3},
        {"flash": "off"},
    ]


def test_size_counts_what_the_grid_holds() -> None:
    whole = {**CONDITIONAL, "free": Int(1, 4)}
    assert size(space(whole, gpus=1)) == 5 * 4 == len(list(enumerate_points(space(whole, gpus=1))))
    assert size(space(whole, gpus=0)) == 3 * 4


def test_size_of_a_huge_grid_takes_no_time() -> None:
    huge: dict[str, Parameter] = {f"p{i}": Float(0.0, 1.0) for i in range(40)}
    assert size(space(huge)) == 5**40


def test_an_entry_without_a_space_has_its_default_alone() -> None:
    assert list(enumerate_points(space({}))) == [Point("one", {})]
    assert size(space({})) == 1


def test_active_drops_what_a_condition_rules_out() -> None:
    entry = EntrySpace("one", CONDITIONAL)
    values: dict[str, Scalar] = {"flash": "off", "cache": "q8", "depth": 2}
    assert active(entry, values, {"gpus": 1}) == {"flash": "off"}
    assert active(entry, {"cache": "q8"}, {"gpus": 1}) == {}  # flash is at its default: the condition is not known


def test_a_condition_may_name_a_fixed_flag() -> None:
    entry = EntrySpace("one", {"cache": Choice(("f16",), when="flash == 'on'")}, fixed={"flash": "on"})
    assert is_active(entry, "cache", {}, {})


def test_random_points_are_valid_and_repeatable() -> None:
    whole = Space((EntrySpace("a", CONDITIONAL), EntrySpace("b", {"x": Float(0.1, 100.0, log=True)})), {"gpus": 1})
    drawn = [random_point(whole, random.Random(seed)) for seed in range(200)]
    assert drawn == [random_point(whole, random.Random(seed)) for seed in range(200)]
    assert {point.entry for point in drawn} == {"a", "b"}
    for point in drawn:
        assert active(whole.entry(point.entry), point.values, whole.constants) == point.values


def test_every_value_of_a_range_can_be_drawn() -> None:
    rng = random.Random(3)
    assert {random_value(Int(1, 4, log=True), rng) for _ in range(300)} == {1, 2, 3, 4}
    assert {random_value(Int(0, 10, step=5), rng) for _ in range(100)} == {0, 5, 10}
    floats = [random_value(Float(0.25, 0.75), rng) for _ in range(300)]
    assert all(isinstance(x, float) and 0.25 <= x <= 0.75 for x in floats)


def test_a_log_range_is_drawn_on_a_log_scale() -> None:
    rng = random.Random(1)
    drawn = [random_value(Int(1, 10_000, log=True), rng) for _ in range(2000)]
    low = sum(1 for x in drawn if isinstance(x, int) and x <= 100) / len(drawn)
    assert 0.45 < low < 0.65  # half of the decades
